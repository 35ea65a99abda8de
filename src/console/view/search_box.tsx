import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";

/** A key is waited for this long before what was typed counts. */
const SETTLE_MILLIS = 150;

/** A field to search with; `onSearch` is called when the typing pauses. */
export function SearchBox({ label, value, onSearch, placeholder }: {
  label: string;
  value: string;
  onSearch: (text: string) => void;
  placeholder?: string;
}) {
  const id = useId();
  const typed = useSignal(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="search"
        dir="auto"
        autocomplete="off"
        spellcheck={false}
        maxLength={256}
        placeholder={placeholder}
        value={typed.value}
        onInput={({ currentTarget }) => {
          typed.value = currentTarget.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onSearch(typed.value), SETTLE_MILLIS);
        }}
      />
    </div>
  );
}
