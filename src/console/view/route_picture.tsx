import { t } from "../i18n.ts";
import { type QueueData, type QueueUse, type RouteData, useOf } from "../route_data.ts";

/** Groups and queues of a group that are drawn: the table has all. */
const MOST_GROUPS = 24;
const MOST_QUEUES = 64;

const WIDTH = 860;
const BOX = { width: 220, height: 44 };
const GROUP_X = 300;
const QUEUE_X = 560;
const QUEUE = 22;
const QUEUES_A_ROW = 13;
const GAP = 18;
/** Characters of a name that fit into a box. */
const FITTING = 24;

const USES: readonly QueueUse[] = ["rw", "r", "w", "none"];

/** The route of a topic as a picture: the topic, its groups, their queues. */
export function RoutePicture({ topic, route }: { topic: string; route: RouteData }) {
  const datas = route.queueDatas.slice(0, MOST_GROUPS);
  const left = route.queueDatas.length - datas.length;
  let y = GAP;
  const rows = datas.map((data) => {
    const queues = Math.min(queuesOf(data), MOST_QUEUES);
    const lines = Math.max(1, Math.ceil(queues / QUEUES_A_ROW));
    const height = Math.max(BOX.height, lines * QUEUE);
    const row = { data, queues, y, height };
    y += height + GAP;
    return row;
  });
  const height = Math.max(y, BOX.height + 2 * GAP);
  const middle = height / 2;
  const summary = t("topic.picture", {
    topic,
    groups: route.queueDatas.length,
    read: sum(route.queueDatas, "readQueueNums"),
    write: sum(route.queueDatas, "writeQueueNums"),
  });
  return (
    <>
      <div class="picture" tabIndex={0} role="region" aria-label={t("topic.route")}>
        <svg viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={summary}>
          {rows.map(({ data, y, height }) => {
            const at = y + height / 2;
            const bend = (BOX.width + GROUP_X) / 2;
            return (
              <path
                key={data.brokerName}
                class="picture-line"
                d={`M${BOX.width} ${middle}C${bend} ${middle} ${bend} ${at} ${GROUP_X} ${at}M${
                  GROUP_X + BOX.width
                } ${at}H${QUEUE_X - 6}`}
              />
            );
          })}
          <Box x={0} y={middle - BOX.height / 2} name={topic} main />
          {rows.map(({ data, queues, y, height }) => (
            <g key={data.brokerName}>
              <Box x={GROUP_X} y={y + (height - BOX.height) / 2} name={data.brokerName} />
              <Queues
                data={data}
                count={queues}
                y={y + (height - Math.max(1, Math.ceil(queues / QUEUES_A_ROW)) * QUEUE) / 2}
                mapping={route.topicQueueMappingByBroker?.[data.brokerName]?.currIdMap ?? undefined}
              />
            </g>
          ))}
        </svg>
      </div>
      {left > 0 && <p class="muted">{t("topic.more", { count: left })}</p>}
      {route.topicQueueMappingByBroker && <p class="muted">{t("topic.mapped")}</p>}
      <ul class="legend">
        {USES.map((use) => (
          <li key={use}>
            <span class={`queue-key queue-key-${use}`} aria-hidden="true" />
            {t(`topic.legend.${use}`)}
          </li>
        ))}
      </ul>
    </>
  );
}

function Box({ x, y, name, main = false }: { x: number; y: number; name: string; main?: boolean }) {
  return (
    <g class={main ? "picture-box picture-topic" : "picture-box"}>
      <title>{name}</title>
      <rect x={x} y={y} width={BOX.width} height={BOX.height} rx={8} />
      <text x={x + BOX.width / 2} y={y + BOX.height / 2} text-anchor="middle">{fitting(name)}</text>
    </g>
  );
}

function Queues({ data, count, y, mapping }: {
  data: QueueData;
  count: number;
  y: number;
  mapping: Readonly<Record<string, number>> | undefined;
}) {
  const global = mapping &&
    new Map(Object.entries(mapping).map(([id, local]) => [local, id]));
  const left = queuesOf(data) - count;
  return (
    <>
      {Array.from({ length: count }, (_, queue) => {
        const qx = QUEUE_X + (queue % QUEUES_A_ROW) * QUEUE;
        const qy = y + Math.floor(queue / QUEUES_A_ROW) * QUEUE;
        return (
          <g key={queue} class={`queue queue-${useOf(data, queue)}`}>
            <rect x={qx} y={qy + 1} width={QUEUE - 3} height={QUEUE - 3} rx={4} />
            <text x={qx + (QUEUE - 3) / 2} y={qy + QUEUE / 2} text-anchor="middle">
              {global === undefined ? queue : global.get(queue)}
            </text>
          </g>
        );
      })}
      {left > 0 && (
        <text
          class="picture-more"
          x={WIDTH - 4}
          y={y + Math.ceil(count / QUEUES_A_ROW) * QUEUE - QUEUE / 2}
          text-anchor="end"
        >
          {t("topic.moreQueues", { count: left })}
        </text>
      )}
    </>
  );
}

function queuesOf({ readQueueNums, writeQueueNums }: QueueData): number {
  return Math.max(0, readQueueNums, writeQueueNums);
}

function sum(datas: readonly QueueData[], key: "readQueueNums" | "writeQueueNums"): number {
  return datas.reduce((total, data) => total + data[key], 0);
}

/** By whole characters, so that none is cut in two. */
function fitting(name: string): string {
  const characters = [...name];
  return characters.length <= FITTING ? name : `${characters.slice(0, FITTING - 1).join("")}…`;
}
