/** A name from the network: text, whatever it contains, and in a direction of its own. */
export function Name({ children, code = false }: { children: string; code?: boolean }) {
  return <bdi dir="auto" class={code ? "name code" : "name"}>{children}</bdi>;
}
