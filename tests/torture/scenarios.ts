import assert from "node:assert/strict";
import { Peer } from "../support/peer.ts";
import type { ServerProcess } from "../support/server_process.ts";
import { pause, until } from "../support/wait.ts";
import type { World } from "./world.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** A failure that can hit a running server. Acknowledged changes must survive it. */
export interface Scenario {
  readonly name: string;
  /** Says why it can't be tried on this machine. */
  cannot?(): Promise<string | undefined>;
  run(world: World): Promise<void>;
}

/** The words that run a program with a small disk of its own in the place of a folder, $0. */
const SMALL_DISK = [
  ...["unshare", "--map-root-user", "--mount", "sh", "-c"],
  'mount -t tmpfs -o size=800k none "$0" && head -c 200000 /dev/zero >"$0/filler" && exec "$@"',
];

async function succeeds(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Kills a server after a number of milliseconds in which it is written to. */
async function killWhileWriting(world: World, server: ServerProcess): Promise<void> {
  const writing = world.write(server, "a", 100_000);
  await pause(world.below(120));
  server.kill("SIGKILL");
  await writing;
  await server.ended;
}

/** All of them, in the order in which they take turns. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: "kill -9",
    async run(world) {
      {
        await using server = await world.start();
        await killWhileWriting(world, server);
      }
      await using server = await world.start();
      await world.check(server);
    },
  },
  {
    name: "two servers, one killed",
    async run(world) {
      await using steady = await world.start();
      {
        await using killed = await world.start();
        const steadily = world.write(steady, "b", 10 + world.below(20));
        await killWhileWriting(world, killed);
        await steadily;
      }
      await using other = await world.start();
      await Promise.all([world.write(steady, "b", 5), world.write(other, "c", 5)]);
      // The other server's changes arrive by the file watch.
      await until(() => world.agree(steady, other), "both servers have the table of the file");
      // The configuration is not shared: only the one that started last has read it.
      await world.check(other);
    },
  },
  {
    name: "full disk",
    async cannot() {
      const words = [...SMALL_DISK.slice(1), "/tmp", "true"];
      const { success, stderr } = await new Deno.Command(SMALL_DISK[0]!, { args: words }).output();
      return success ? undefined : new TextDecoder().decode(stderr).trim();
    },
    async run(world) {
      const folder = world.home.file("kv");
      await Deno.mkdir(folder, { recursive: true });
      // The small disk lasts as long as its server, and the files before it stay below.
      await using server = await world.start({ through: [...SMALL_DISK, folder] });
      await using peer = await Peer.connect(server.port);
      const put = (key: string, value: string) =>
        peer.call({
          code: RequestCode.PUT_KV_CONFIG,
          extFields: { namespace: "full", key, value },
        });
      const stored: string[] = [];
      for (let i = 0; i < 60; i++) {
        const { code, remark } = await put(`k${i}`, "v".repeat(20_000));
        if (code !== 0) {
          assert.match(remark!, /^the KV table can't be written .*No space left on device/);
          break;
        }
        stored.push(`k${i}`);
      }
      assert.ok(stored.length > 0 && stored.length < 60, `${stored.length} were stored`);
      for (const key of stored) {
        const { code } = await peer.call({
          code: RequestCode.GET_KV_CONFIG,
          extFields: { namespace: "full", key },
        });
        assert.equal(code, 0, key);
      }
      const words = ["--user", "--mount", "--preserve-credentials", "--target", `${server.pid}`];
      await succeeds("nsenter", ...words, "rm", `${folder}/filler`);
      const { code, remark } = await put("more", "v".repeat(20_000));
      assert.equal(code, 0, `there is room again, and it is refused: ${remark}`);
    },
  },
  {
    name: "lost folder",
    async run(world) {
      await using server = await world.start();
      await world.write(server, "a", 1 + world.below(10));
      await Deno.remove(world.home.file("kv"), { recursive: true });
      assert.equal(await world.write(server, "a", 10), 0, "a change is refused");
      await world.check(server);
    },
  },
  {
    name: "no descriptors",
    async run(world) {
      await using server = await world.start();
      await world.write(server, "a", 5);
      const count = `n=$(ls /proc/${server.pid}/fd | wc -l)`;
      const limit = (more: number) =>
        succeeds(
          "sh",
          "-c",
          `${count}; prlimit --pid ${server.pid} --nofile=$((n + ${more})):`,
        );
      // Enough for a connection, and not for the files of a write.
      await limit(1 + world.below(4));
      await world.write(server, "a", 10);
      await limit(1000);
      await until(async () => await world.write(server, "a", 1) === 0, "changes are taken again");
      await world.check(server);
    },
  },
  {
    name: "pauses",
    async run(world) {
      await using server = await world.start();
      const writing = world.write(server, "a", 30);
      for (let i = 0; i < 3; i++) {
        server.kill("SIGSTOP");
        await pause(world.below(100));
        server.kill("SIGCONT");
        await pause(world.below(20));
      }
      await writing;
      await world.check(server);
    },
  },
];
