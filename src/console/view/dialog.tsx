import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../i18n.ts";

/** A dialog over the page. The browser keeps the focus in it, and Esc closes it. */
export function Dialog({ title, onClose, children, actions }: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons beside the one that closes it. */
  actions?: ComponentChildren;
}) {
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      <div class="dialog-body">{children}</div>
      <footer class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>{t("dialog.close")}</button>
        {actions}
      </footer>
    </dialog>
  );
}
