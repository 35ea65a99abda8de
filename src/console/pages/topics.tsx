import { t } from "../i18n.ts";
import { TopicList } from "../view/topic_list.tsx";
import { TopicPage } from "./topic.tsx";

/** All topics, or one. */
export function Topics({ name }: { name: string | undefined }) {
  if (name !== undefined) return <TopicPage topic={name} />;
  return (
    <>
      <h1>{t("topics")}</h1>
      <TopicList />
    </>
  );
}
