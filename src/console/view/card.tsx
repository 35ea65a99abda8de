import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** A part of a page with a heading of its own. */
export function Card(
  { title, aside, children, wide = false }: {
    title: string;
    /** Beside the heading, e.g. a button. */
    aside?: ComponentChildren;
    children: ComponentChildren;
    wide?: boolean;
  },
) {
  const id = useId();
  return (
    <section class={wide ? "card card-wide" : "card"} aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
