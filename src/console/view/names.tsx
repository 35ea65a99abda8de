import { Name } from "./name.tsx";

/** Names from the network, one after another. */
export function Names({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.map((name, i) => (
        <span key={name}>
          {i > 0 && ", "}
          <Name>{name}</Name>
        </span>
      ))}
    </>
  );
}
