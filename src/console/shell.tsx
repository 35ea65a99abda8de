import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { reachable, refusedLogins } from "./api.ts";
import { language, LANGUAGES, t } from "./i18n.ts";
import { liveState } from "./live.ts";
import { type Page, PAGES } from "./pages.ts";
import { href, navigate, place } from "./router.ts";
import {
  inClear,
  loadSession,
  logOut,
  may,
  session,
  sessionEnd,
  sessionProblem,
} from "./session.ts";
import { type Theme, theme, THEMES } from "./theme.ts";
import { Badge, type Tone } from "./view/badge.tsx";
import { Loading } from "./view/loading.tsx";
import { Name } from "./view/name.tsx";
import { Notice, ProblemNotice } from "./view/notice.tsx";

/** The page on which one logs in. */
const LOGIN = "login";

const LIVE_TONES: Record<typeof liveState.value, Tone> = {
  live: "ok",
  connecting: "neutral",
  refused: "warn",
  paused: "neutral",
};

/** The frame of every page: navigation, the account, choices, and whether the server answers. */
export function Shell() {
  const main = useRef<HTMLElement>(null);
  const { page: id, name } = place.value;
  const page = PAGES.find((it) => it.id === id);

  useEffect(() => {
    document.title = `${page ? t(page.title) : t("shell.noPage")} – ${t("console")}`;
  }, [page, language.value]);

  // A page that was asked for by a key is read from its start.
  const shown = useRef(place.peek());
  useEffect(() => {
    if (shown.current === place.value) return;
    shown.current = place.value;
    main.current?.focus();
    scrollTo(0, 0);
  }, [place.value]);

  // After a refusal the server says who this still is.
  useSignalEffect(() => {
    if (refusedLogins.value > 0) loadSession().catch(() => {});
  });
  useSignalEffect(() => {
    const { value } = session;
    const nobody = value !== undefined && value.account === null && value.permissions.length === 0;
    if (nobody && place.value.page !== LOGIN) navigate(LOGIN);
  });
  useSignalEffect(() => {
    if (sessionEnd.value !== undefined) navigate(LOGIN);
  });

  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>{t("skip")}</button>
      <div class="shell">
        <aside class="side">
          <a class="brand" href={href("overview")}>
            <svg viewBox="0 0 32 32" aria-hidden="true">
              <path d="M16 3 4 9v14l12 6 12-6V9z" class="brand-body" />
              <path d="M10 21V11l12 10V11" class="brand-line" />
            </svg>
            <span>{t("console")}</span>
          </a>
          <nav aria-label={t("nav")}>
            <ul>{PAGES.map((it) => <NavEntry key={it.id} page={it} current={it.id === id} />)}</ul>
          </nav>
        </aside>
        <div class="body">
          <Top />
          {reachable.value === "gone" && (
            <div class="gone" role="alert">
              <strong>{t("shell.gone")}</strong> {t("shell.gone.stale")}
            </div>
          )}
          <main ref={main} tabIndex={-1}>
            {session.value !== undefined
              ? <Shown page={page} name={name} />
              : sessionProblem.value
              ? (
                <ProblemNotice
                  problem={sessionProblem.value}
                  retry={() => void loadSession().catch(() => {})}
                />
              )
              : <Loading />}
          </main>
        </div>
      </div>
    </>
  );
}

function NavEntry({ page, current }: { page: Page; current: boolean }) {
  if (page.icon === undefined) return null;
  return (
    <li>
      <a href={href(page.id)} aria-current={current ? "page" : undefined}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d={page.icon} />
        </svg>
        {t(page.title)}
      </a>
    </li>
  );
}

function Shown({ page, name }: { page: Page | undefined; name: string | undefined }) {
  if (page === undefined) return <Notice tone="warn" title={t("shell.noPage")} />;
  const { permission, component: Component } = page;
  if (permission !== undefined && !may(permission)) {
    return (
      <>
        <h1>{t(page.title)}</h1>
        <Notice tone="warn" title={t("shell.notAllowed", { permission })} />
      </>
    );
  }
  return <Component key={`${page.id}/${name ?? ""}`} name={name} />;
}

function Top() {
  return (
    <header class="top">
      <div class="top-server">
        {session.value && <Name code>{session.value.server}</Name>}
        <span title={t("shell.live.label")}>
          <Badge tone={LIVE_TONES[liveState.value]}>{t(`shell.${liveState.value}`)}</Badge>
        </span>
        {inClear() && <Badge tone="warn">{t("shell.clear")}</Badge>}
        {session.value?.canWrite === false && (
          <span title={session.value.readOnlyReason ?? undefined}>
            <Badge tone="neutral">{t("shell.readOnly")}</Badge>
          </span>
        )}
      </div>
      <div class="top-choices">
        <select
          aria-label={t("language")}
          value={language.value}
          onChange={({ currentTarget: { value } }) => {
            language.value = LANGUAGES.find((it) => it === value) ?? "en";
          }}
        >
          <option value="en" lang="en">English</option>
          <option value="zh" lang="zh-CN">中文</option>
        </select>
        <select
          aria-label={t("theme")}
          value={theme.value}
          onChange={({ currentTarget }) => theme.value = currentTarget.value as Theme}
        >
          {THEMES.map((it) => <option key={it} value={it}>{t(`theme.${it}`)}</option>)}
        </select>
        <Account />
      </div>
    </header>
  );
}

function Account() {
  const { value } = session;
  if (value === undefined || value.access === "off") return null;
  if (value.account === null) return <a class="button" href={href(LOGIN)}>{t("shell.logIn")}</a>;
  return (
    <>
      <span class="account" title={t("shell.account")}>
        <Name>{value.account}</Name>
      </span>
      <button type="button" class="button" onClick={() => logOut().catch(() => {})}>
        {t("shell.logOut")}
      </button>
    </>
  );
}
