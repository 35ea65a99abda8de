import { useId, useState } from "preact/hooks";
import { Problem } from "../api.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import { FIRST_PAGE, href } from "../router.ts";
import { type Credentials, inClear, logIn, session, sessionEnd } from "../session.ts";
import { Notice, ProblemNotice } from "../view/notice.tsx";

type Way = "token" | "key";

/** `#/login`: an account's token, or its key and secret, for a session. */
export function LoginPage() {
  const [way, setWay] = useState<Way>("token");
  const [token, setToken] = useState("");
  const [accessKey, setAccessKey] = useState("");
  const [secretKey, setSecretKey] = useState("");
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const now = session.value;

  async function submit(credentials: Credentials): Promise<void> {
    setRunning(true);
    setProblem(undefined);
    try {
      await logIn(credentials);
      location.hash = href(FIRST_PAGE);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setRunning(false);
    }
  }

  if (now?.access === "off") {
    return (
      <>
        <h1>{t("login")}</h1>
        <Notice tone="info">{now.readOnlyReason}</Notice>
      </>
    );
  }
  if (now !== undefined && now.account !== null) {
    return (
      <>
        <h1>{t("login")}</h1>
        <Notice tone="info">{t("login.already", { account: isolate(now.account) })}</Notice>
      </>
    );
  }
  return (
    <form
      class="login"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(
          way === "token"
            ? { token: token.trim() }
            : { accessKey: accessKey.trim(), secretKey: secretKey.trim() },
        );
      }}
    >
      <h1>{t("login")}</h1>
      <p>{t("login.about")}</p>
      {sessionEnd.value && <Notice tone="warn">{t(`login.${sessionEnd.value}`)}</Notice>}
      <fieldset>
        <legend>{t("login.way")}</legend>
        {(["token", "key"] as const).map((it) => (
          <label key={it}>
            <input
              type="radio"
              name="way"
              checked={way === it}
              onChange={() => setWay(it)}
            />{" "}
            {t(`login.way.${it}`)}
          </label>
        ))}
      </fieldset>
      {way === "token"
        ? (
          <Secret
            label={t("login.token")}
            value={token}
            onInput={setToken}
            hint="login.tokenHint"
          />
        )
        : (
          <>
            <label class="field">
              {t("login.accessKey")}
              <input
                required
                autocomplete="username"
                value={accessKey}
                onInput={(event) => setAccessKey(event.currentTarget.value)}
              />
            </label>
            <Secret label={t("login.secretKey")} value={secretKey} onInput={setSecretKey} />
          </>
        )}
      {inClear() && <Notice tone="warn">{t("login.clear")}</Notice>}
      {problem && (problem.status === 401
        ? <Notice tone="bad">{t(`login.wrong.${way}`)} {problem.detail}</Notice>
        : <ProblemNotice problem={problem} />)}
      <p class="bar">
        <button type="submit" class="button button-main" disabled={running}>
          {t("login.submit")}
        </button>
      </p>
    </form>
  );
}

function Secret(
  { label, value, onInput, hint }: {
    label: string;
    value: string;
    onInput(value: string): void;
    hint?: "login.tokenHint";
  },
) {
  const id = useId();
  return (
    <>
      <label class="field">
        {label}
        <input
          type="password"
          required
          autocomplete="current-password"
          aria-describedby={hint && id}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </label>
      {hint && <p class="muted" id={id}>{t(hint)}</p>}
    </>
  );
}
