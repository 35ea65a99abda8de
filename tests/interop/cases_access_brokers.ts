/** Brokers that check signatures themselves: they take notifications only from who signs them. */

import { account, ACCOUNTS, BROKER, listed, OPS, Rules, START_MS } from "./access_rules.ts";
import { Signatures } from "../../src/access/signature.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import type { Version } from "./artifacts.ts";
import type { Broker, Launcher } from "./cluster.ts";
import { Observer } from "./observer.ts";
import { withCluster } from "./setup.ts";
import { check, eventually, type Suite } from "./suite.ts";

/** The name server's own account. */
const NAMESRV = account("AK-namesrv");
const PROVIDERS = "org.apache.rocketmq.auth";
const AUTHENTICATED = {
  authenticationEnabled: "true",
  authenticationProvider: `${PROVIDERS}.authentication.provider.DefaultAuthenticationProvider`,
  authorizationEnabled: "true",
  authorizationProvider: `${PROVIDERS}.authorization.provider.DefaultAuthorizationProvider`,
  authorizationMetadataProvider:
    `${PROVIDERS}.authorization.provider.LocalAuthorizationMetadataProvider`,
  initAuthenticationUser: JSON.stringify({
    username: NAMESRV.accessKey,
    password: NAMESRV.secretKey,
  }),
  enableSlaveActingMaster: "true",
};
const NO_PERMISSION = 16;

/** A master and a slave with authentication and authorization. */
export async function authenticatedBrokers(
  suite: Suite,
  launcher: Launcher,
  version: Version,
): Promise<void> {
  const rules = await Rules.make(`mode: enforce
outgoing: {accessKey: ${NAMESRV.accessKey}, secret: ${NAMESRV.secretKey}}
${ACCOUNTS}`);
  const config = {
    ...rules.config,
    supportActingMaster: "true",
    notifyMinBrokerIdChanged: "true",
  };
  const ops = launcher.withCredentials(OPS);
  await withCluster(suite, ops, version, "access, authenticated", config, async (cluster) => {
    const { nameServer: { address: namesrv } } = cluster;
    const signing = launcher.withCredentials(BROKER);
    const options = { version, namesrv, name: "broker-a", config: AUTHENTICATED };
    const [master, slave] = await Promise.all([
      signing.broker(options),
      signing.broker({ ...options, id: 1 }),
    ]);
    const isUp = await cluster.case(
      "a master and a slave with authentication register",
      async () => {
        for (const { address } of [master, slave]) await listed(cluster, address, START_MS);
      },
    );
    if (!isUp) return;
    await cluster.case("a slave refuses an unsigned notification, and takes ours", async () => {
      const { code, remark } = await notify(slave, false);
      check(code === NO_PERMISSION, `unsigned: ${code} ${remark}`);
      const signed = await notify(slave, true);
      check(signed.code === 0, `signed: ${signed.code} ${signed.remark}`);
    });
    await cluster.case(
      "the name server's notification reaches it when the master is lost",
      async () => {
        const before = await notificationsAt(slave);
        await master.process.stop("SIGKILL");
        await eventually(START_MS, async () => {
          check(await notificationsAt(slave) > before, "the slave took no notification");
        });
      },
    );
  });
}

/** Tells a slave what it knows already. */
function notify({ address }: Broker, signs: boolean) {
  const fields: [string, string][] = [["minBrokerId", "0"]];
  const signature = signs ? new Signatures().sign(fields, undefined, NAMESRV) : [];
  return new Observer(address).ask({
    code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
    extFields: Object.fromEntries([...fields, ...signature]),
  });
}

/** How many notifications a broker has taken: it warns of each. */
async function notificationsAt({ launch }: Broker): Promise<number> {
  const log = await Deno.readTextFile(`${launch.env?.HOME}/warnings.log`);
  return log.split("min broker id changed, prev").length - 1;
}
