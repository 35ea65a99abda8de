import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Problem } from "../api.ts";
import { t } from "../i18n.ts";
import { Dialog } from "../view/dialog.tsx";
import { Notice, ProblemNotice } from "../view/notice.tsx";

/** The outcome of a change. */
export interface Done {
  /** The state after the change, in words. */
  readonly message: ComponentChildren;
  /** The way back, where there is one. */
  readonly undo?: Undo;
}

/** A change that takes another one back. */
export interface Undo {
  readonly label: string;
  /** @returns the state after it, in words; rejects with a Problem */
  run(): Promise<string>;
}

interface ActionDialogProps {
  title: string;
  /** The label of the button that makes the change. */
  confirm: string;
  /** Whether the change takes something away. */
  danger?: boolean;
  /** Whether the fields are complete. */
  ready?: boolean;
  /** Makes the change; rejects with a Problem, which the dialog shows. */
  run(): Promise<Done>;
  onClose(): void;
  /** The consequences of the change, and its fields. */
  children: ComponentChildren;
}

/**
 * A dialog that says what a change does, makes it, and then offers the way back. It stays open when
 * the change is refused or fails, with the reason.
 */
export function ActionDialog(
  { title, confirm, danger = false, ready = true, run, onClose, children }: ActionDialogProps,
) {
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [done, setDone] = useState<Done>();
  const id = useId();
  const outcome = useRef<HTMLDivElement>(null);
  // The button that had the focus is gone once the change is made.
  useEffect(() => outcome.current?.focus(), [done]);

  async function perform(change: () => Promise<Done>): Promise<void> {
    if (running) return;
    setRunning(true);
    setProblem(undefined);
    try {
      setDone(await change());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setRunning(false);
    }
  }

  const failure = problem && <ProblemNotice problem={problem} />;
  if (done === undefined) {
    return (
      <Dialog
        title={title}
        onClose={onClose}
        actions={
          <button
            type="submit"
            form={id}
            class={danger ? "button button-danger" : "button button-main"}
            disabled={running || !ready}
          >
            {running ? t("actions.running") : confirm}
          </button>
        }
      >
        <form
          id={id}
          onSubmit={(event) => {
            event.preventDefault();
            if (ready) void perform(run);
          }}
        >
          {children}
          {failure}
        </form>
      </Dialog>
    );
  }
  const { message, undo } = done;
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={undo && (
        <button
          type="button"
          class="button"
          disabled={running}
          onClick={() => void perform(async () => ({ message: await undo.run() }))}
        >
          {undo.label}
        </button>
      )}
    >
      <div tabIndex={-1} ref={outcome}>
        <Notice tone="ok">{message}</Notice>
        {failure}
      </div>
    </Dialog>
  );
}
