/** Runs a generator to its end without a pause. Returns its return value, and throws what it throws. */
export function runSteps<T>(steps: Iterator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
