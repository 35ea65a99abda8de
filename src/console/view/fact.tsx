import type { ComponentChildren } from "preact";

/** A row of a list of facts, `<dl class="facts">`. */
export function Fact({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </>
  );
}
