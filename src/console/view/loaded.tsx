import type { ComponentChildren } from "preact";
import type { Resource } from "../resource.ts";
import { Loading } from "./loading.tsx";
import { ProblemNotice } from "./notice.tsx";

/**
 * Shows a resource, or why there is none. When a later request fails, the problem stands above what
 * was read before.
 */
export function Loaded<T>(
  { resource, children }: { resource: Resource<T>; children: (data: T) => ComponentChildren },
) {
  const { data, problem, reload } = resource;
  return (
    <>
      {problem && <ProblemNotice problem={problem} retry={reload} />}
      {data === undefined ? !problem && <Loading /> : children(data)}
    </>
  );
}
