import { withQuery } from "../api.ts";
import { EVENT_NAMES, type EventName, type LiveEvent } from "../live.ts";
import { useResource } from "../resource.ts";
import { EventLine } from "./event_line.tsx";
import { Loaded } from "./loaded.tsx";

/** The answer of /api/v1/events. */
interface Events {
  readonly items: readonly {
    readonly id: string;
    readonly event: EventName;
    readonly data: Readonly<Record<string, unknown>> & { readonly time: string };
  }[];
}

const SHOWN = "50";

/** The latest changes that the server remembers, of a group, of a topic or of everything; kept fresh. */
export function Story({ filter, label, empty }: {
  filter: { broker?: string; topic?: string };
  label: string;
  /** Stands in place of no changes. */
  empty: string;
}) {
  const story = useResource<Events>(withQuery("events", { ...filter, limit: SHOWN }), {
    events: EVENT_NAMES,
  });
  return (
    <Loaded resource={story}>
      {({ items }) =>
        items.length === 0
          ? <p class="muted">{empty}</p>
          : (
            <div class="list-scroll" tabIndex={0} role="region" aria-label={label}>
              <ol class="list">
                {items.map((it) => <EventLine key={it.id} event={eventOf(it)} />)}
              </ol>
            </div>
          )}
    </Loaded>
  );
}

function eventOf({ id, event, data }: Events["items"][number]): LiveEvent {
  return { id, name: event, time: data.time, fields: data };
}
