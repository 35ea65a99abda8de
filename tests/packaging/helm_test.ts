import assert from "node:assert/strict";
import { parse } from "@std/yaml";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { controllerGroup } from "../../src/config/controller_group.ts";
import { variableOf } from "../../src/config/environment.ts";
import { defaultOptions, OPTION_NAMES, optionOf } from "../../src/config/options.ts";
import { parseProperties } from "../../src/config/properties.ts";
import { VERSION } from "../../tools/release.ts";
import { CACHE, call, PROJECT, Scratch, succeed } from "./tools.ts";
import { first } from "../support/lists.ts";

const CHART = `${PROJECT}/packaging/helm/rocketmq-namesrv`;
const SCHEMAS = `${CACHE}/python/kubernetes_validate/kubernetes-json-schema`;
/** The oldest Kubernetes that the chart supports, and the newest with available schemas. */
const KUBERNETES = ["1.25.0", "1.37.0"];
const CONTROLLER = "controller.enabled=true";
const EXAMPLE = `${CHART}/examples/controller-on-etcd.yaml`;

/** Each set of values that changes the rendered output. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  "defaults": [],
  "a certificate": ["tls.secretName=namesrv-tls", "tls.mode=enforcing"],
  "clients' certificates": ["tls.secretName=namesrv-tls", "tls.clientCertificates=true"],
  "a service monitor": ["serviceMonitor.enabled=true", "serviceMonitor.labels.release=main"],
  "TLS on the HTTP port": [
    "tls.secretName=namesrv-tls",
    "tls.http=true",
    "serviceMonitor.enabled=true",
    "serviceMonitor.tlsConfig.serverName=namesrv",
  ],
  "no disk, no budget": ["persistence.enabled=false", "podDisruptionBudget.enabled=false"],
  "IPv6": ["bindAddress=::", "httpBindAddress=::1", "ipFamilyPolicy=PreferDualStack"],
  "the address service": ["addressService.enabled=true"],
  "the KV table in etcd": [
    "etcd.endpoints={https://e1:2379,https://e2:2379}",
    "etcd.kv=true",
    "etcd.user=namesrv",
    "etcd.secretName=etcd",
    "etcd.caCertificate=true",
    "etcd.clientCertificate=true",
  ],
  "a controller": ["replicas=1", CONTROLLER],
  "controllers on etcd": ["replicas=3", CONTROLLER, "etcd.endpoints={http://e1:2379}"],
  "all the rest": [
    "replicas=3",
    "image.tag=v1",
    "imagePullSecrets[0].name=registry",
    "persistence.storageClass=fast",
    "config.orderMessageEnable=true",
    "podAnnotations.a=b",
    "podLabels.c=d",
    "nodeSelector.disk=ssd",
    "tolerations[0].operator=Exists",
    "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution=null",
  ],
};

/** Kubernetes' own schemas check the structure. */
// deno-lint-ignore no-explicit-any
type Json = any;

/** Values files, or values as `name=value`. */
function valueArgs(values: readonly string[]): string[] {
  return values.flatMap((it) => [it.endsWith(".yaml") ? "--values" : "--set", it]);
}

/** The versions of {@linkcode KUBERNETES} that some values support: the controller needs 1.28. */
function versionsFor(values: readonly string[]): string[] {
  return values.some((it) => it === CONTROLLER || it === EXAMPLE)
    ? KUBERNETES.slice(1)
    : KUBERNETES;
}

function render(
  values: readonly string[],
  kubernetes = first(versionsFor(values)),
): Promise<string> {
  const args = ["template", "prod", CHART, "--kube-version", kubernetes, ...valueArgs(values)];
  return succeed("helm", args);
}

/** The rendered objects, by kind and name. */
async function objects(values: readonly string[]): Promise<Map<string, Json>> {
  const documents = (await render(values)).split(/^---$/m).map((text) => parse(text) as Json);
  return new Map(
    documents.filter((it) => it !== null && it !== undefined)
      .map((it) => [`${it.kind} ${it.metadata.name}`, it]),
  );
}

describe("the Helm chart", () => {
  let schemas: Scratch;

  beforeAll(async () => {
    schemas = await Scratch.make();
    const kinds = ["statefulset-apps-v1", "service-v1", "configmap-v1", "_definitions"];
    kinds.push("poddisruptionbudget-policy-v1");
    for (const version of KUBERNETES) {
      await Deno.mkdir(`${schemas.path}/v${version}`);
      for (const kind of kinds) {
        const text = await Deno.readTextFile(`${SCHEMAS}/v${version}-local-strict/${kind}.json`);
        // The schemas refer to each other with paths that do not exist here.
        const schema = JSON.parse(text.replaceAll("/api/_definitions.json#", "_definitions.json#"));
        delete schema.$id;
        await Deno.writeTextFile(
          `${schemas.path}/v${version}/${kind}.json`,
          JSON.stringify(schema),
        );
      }
      const definition = parse(await Deno.readTextFile(`${CACHE}/servicemonitors.yaml`)) as Json;
      await Deno.writeTextFile(
        `${schemas.path}/v${version}/servicemonitor-monitoring-v1.json`,
        JSON.stringify(definition.spec.versions[0].schema.openAPIV3Schema),
      );
    }
  });
  afterAll(() => schemas[Symbol.asyncDispose]());

  function kubeconform(manifest: string, version: string) {
    return call("kubeconform", [
      "-strict",
      "-summary",
      "-kubernetes-version",
      version,
      "-schema-location",
      `${schemas.path}/{{ .NormalizedKubernetesVersion }}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
    ], { input: manifest });
  }

  it("has the project's version, and no complaint of helm lint", async () => {
    const chart = parse(await Deno.readTextFile(`${CHART}/Chart.yaml`)) as Json;
    assert.deepEqual([chart.version, chart.appVersion], [VERSION, VERSION]);
    for (const values of Object.values(VALUES)) {
      const version = first(versionsFor(values));
      const args = ["lint", "--strict", "--kube-version", version, CHART, ...valueArgs(values)];
      await succeed("helm", args);
    }
  });

  for (const [name, values] of Object.entries(VALUES)) {
    it(`is right by the schemas of Kubernetes: ${name}`, async () => {
      for (const version of versionsFor(values)) {
        const { code, out } = await kubeconform(await render(values, version), version);
        assert.equal(code, 0, `${version}: ${out}`);
        assert.match(out, /Invalid: 0, Errors: 0, Skipped: 0/);
      }
    });
  }

  it("would not be right with a wrong name in it", async () => {
    const manifest = (await render([])).replace("readOnlyRootFilesystem", "readonlyRootFilesystem");
    const { code, out } = await kubeconform(manifest, KUBERNETES[1]!);
    assert.equal(code, 1);
    assert.match(out, /readonlyRootFilesystem/);
  });

  it("mounts the whole secret, so that new certificates arrive", async () => {
    const found = await objects(VALUES["clients' certificates"]!);
    const pod = found.get("StatefulSet prod-rocketmq-namesrv")!.spec.template.spec;
    const [container] = pod.containers;
    for (const mount of container.volumeMounts) assert.equal(mount.subPath, undefined);
    const { mountPath } = container.volumeMounts.find(({ name }: Json) => name === "tls");
    const { secret } = pod.volumes.find(({ name }: Json) => name === "tls");
    assert.equal(secret.secretName, "namesrv-tls");
    const config = options(found);
    const paths = ["tls.server.certPath", "tls.server.keyPath", "tls.server.trustCertPath"];
    assert.deepEqual(
      paths.map((name) => config.get(name)),
      ["tls.crt", "tls.key", "ca.crt"].map((file) => `${mountPath}/${file}`),
    );
    assert.equal(config.get("tls.test.mode.enable"), "false");
    assert.equal(config.get("tls.server.need.client.auth"), "require");
  });

  it("writes only options that there are", async () => {
    const known = new Set<string>(OPTION_NAMES);
    for (const values of Object.values(VALUES)) {
      for (const [name, value] of options(await objects(values))) {
        assert.ok(known.has(name), name);
        const option = optionOf(name as typeof OPTION_NAMES[number]);
        if (option.type === "enum") assert.ok(option.values.includes(value), `${name}=${value}`);
      }
    }
  });

  it("writes the numbers of a values file as they are", async () => {
    await using folder = await Scratch.make();
    const values = `${folder.path}/values.yaml`;
    await Deno.writeTextFile(values, "config: { logFileMaxBytes: 104857600, logRepeatLimit: 0 }\n");
    const version = first(KUBERNETES);
    const args = ["template", "prod", CHART, "--kube-version", version, "--values", values];
    const manifest = await succeed("helm", args);
    assert.match(manifest, /^ +logFileMaxBytes=104857600$/m);
    assert.match(manifest, /^ +logRepeatLimit=0$/m);
  });

  it("runs without rights, and is asked where the HTTP port is", async () => {
    const found = await objects([]);
    const { spec } = found.get("StatefulSet prod-rocketmq-namesrv")!;
    const pod = spec.template.spec;
    const [container] = pod.containers;
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(container.securityContext.readOnlyRootFilesystem, true);
    assert.deepEqual(container.securityContext.capabilities.drop, ["ALL"]);
    const probes = ["startupProbe", "livenessProbe", "readinessProbe"];
    assert.deepEqual(
      probes.map((probe) => `${container[probe].httpGet.port} ${container[probe].httpGet.path}`),
      ["http /livez", "http /livez", "http /readyz"],
    );
    const ports = container.ports.map(({ name, containerPort }: Json) =>
      `${name} ${containerPort}`
    );
    const config = options(found);
    assert.deepEqual(ports, [
      `remoting ${config.get("listenPort")}`,
      `http ${config.get("httpPort")}`,
    ]);
    assert.equal(config.get("httpBindAddress"), "0.0.0.0");
    // Clients with a list of the pods do not try the next one when a pod refuses.
    assert.equal(config.get("needWaitForService"), undefined);
    // Brokers register every 30 s: the next pod must not restart before that.
    assert.ok(spec.minReadySeconds > 30);
    const grace = Number(pod.terminationGracePeriodSeconds);
    assert.ok(grace > Number(config.get("shutdownWaitTimeSeconds")));
    const headless = found.get(`Service ${spec.serviceName}`)!.spec;
    assert.deepEqual([headless.clusterIP, headless.publishNotReadyAddresses], ["None", true]);
  });

  it("asks by HTTPS where the HTTP port has TLS", async () => {
    const schemes = async (values: readonly string[]) => {
      const found = await objects(values);
      const { spec } = found.get("StatefulSet prod-rocketmq-namesrv")!.spec.template;
      const [container] = spec.containers;
      const probes = ["startupProbe", "livenessProbe", "readinessProbe"];
      const monitor = found.get("ServiceMonitor prod-rocketmq-namesrv")?.spec.endpoints[0];
      return [...probes.map((probe) => container[probe].httpGet.scheme), monitor?.scheme];
    };
    assert.deepEqual(await schemes([]), ["HTTP", "HTTP", "HTTP", undefined]);
    assert.deepEqual(await schemes(VALUES["TLS on the HTTP port"]!), [
      ...["HTTPS", "HTTPS", "HTTPS"],
      "https",
    ]);
  });

  it("lists its pods in the address service, each by the name that it has there", async () => {
    const found = await objects(["addressService.enabled=true", "replicas=3"]);
    const { spec } = found.get("StatefulSet prod-rocketmq-namesrv")!;
    const [{ env }] = spec.template.spec.containers;
    const advertised = env.find(({ name }: Json) => name === "NAMESRV_ADVERTISED_ADDRESS").value;
    const pods = [0, 1, 2].map((i) =>
      advertised.replace("$(POD_NAME)", `prod-rocketmq-namesrv-${i}`)
    );
    assert.equal(options(found).get("namesrvAddrs"), pods.join(";"));
    const ports = (name: string) =>
      found.get(`Service ${name}`)!.spec.ports.map(({ name }: Json) => name);
    assert.deepEqual(ports(spec.serviceName), ["remoting", "http"]);
    assert.deepEqual(ports("prod-rocketmq-namesrv"), ["remoting", "http"]);
    const closed = await objects(["config.namesrvAddrs=balancer:9876"]);
    assert.equal(options(closed).get("namesrvAddrs"), "balancer:9876");
    const [port, ...more] = closed.get("Service prod-rocketmq-namesrv")!.spec.ports;
    assert.deepEqual([port.name, more.length], ["remoting", 0]);
  });

  it("runs three controllers on etcd: the example is right, and each pod finds itself in it", async () => {
    const manifest = await render([EXAMPLE]);
    const { code, out } = await kubeconform(manifest, KUBERNETES[1]!);
    assert.equal(code, 0, out);
    const found = await objects([EXAMPLE]);
    const config = options(found);
    assert.deepEqual(
      ["kvStore", "controllerStore", "etcdUser"].map((name) => config.get(name)),
      ["etcd", "etcd", "namesrv"],
    );
    const { spec } = found.get("StatefulSet prod-rocketmq-namesrv")!;
    const pod = spec.template.spec;
    const [{ env, ports, volumeMounts }] = pod.containers;
    const { mountPath } = volumeMounts.find(({ name }: Json) => name === "etcd");
    assert.deepEqual(
      ["etcdPasswordFile", "etcdCaFile"].map((name) => config.get(name)),
      ["password", "ca.crt"].map((file) => `${mountPath}/${file}`),
    );
    const { secret } = pod.volumes.find(({ name }: Json) => name === "etcd");
    assert.equal(secret.secretName, "namesrv-etcd");

    const known = new Map<string, Json>(env.map((it: Json) => [it.name, it]));
    assert.equal(
      known.get("POD_INDEX").valueFrom.fieldRef.fieldPath,
      "metadata.labels['apps.kubernetes.io/pod-index']",
    );
    const [name, value] = ["NAMESRV_CONTROLLER_DLEGER_SELF_ID", "n$(POD_INDEX)"];
    assert.equal(known.get(name).value, value);
    assert.equal(variableOf("controllerDLegerSelfId"), name);
    for (let index = 0; index < spec.replicas; index++) {
      const { self, peers } = controllerGroup({
        ...defaultOptions(),
        controllerStore: "etcd",
        controllerDLegerPeers: config.get("controllerDLegerPeers")!,
        controllerDLegerSelfId: value.replace("$(POD_INDEX)", `${index}`),
      });
      assert.equal(peers.length, spec.replicas);
      const headless = `prod-rocketmq-namesrv-${index}.${spec.serviceName}.default.svc`;
      assert.equal(self.address, `${headless}:9878`);
    }
    const { containerPort } = ports.find(({ name }: Json) => name === "controller");
    const service = found.get(`Service ${spec.serviceName}`)!.spec.ports;
    const { port, targetPort } = service.find(({ name }: Json) => name === "controller");
    assert.deepEqual([containerPort, port, targetPort], [9878, 9878, "controller"]);
  });

  it("keeps the sets of a controller that is alone on its disk", async () => {
    const found = await objects(VALUES["a controller"]!);
    const config = options(found);
    const { spec } = found.get("StatefulSet prod-rocketmq-namesrv")!;
    const [{ volumeMounts }] = spec.template.spec.containers;
    const { mountPath } = volumeMounts.find(({ name }: Json) => name === "state");
    assert.equal(config.get("controllerStore"), "file");
    assert.equal(config.get("controllerStorePath"), `${mountPath}/controller`);
  });

  it("lets the addresses and families be set", async () => {
    const found = await objects(VALUES["IPv6"]!);
    const config = options(found);
    assert.deepEqual([config.get("bindAddress"), config.get("httpBindAddress")], ["::", "::1"]);
    for (const name of ["prod-rocketmq-namesrv", "prod-rocketmq-namesrv-headless"]) {
      assert.equal(found.get(`Service ${name}`)!.spec.ipFamilyPolicy, "PreferDualStack");
    }
  });

  it("refuses values that it does not know or that are the chart's own", async () => {
    for (
      const [value, word] of [
        ["replica=3", "replica"],
        ["tls.mode=on", "mode"],
        ["config.listenPort=9000", "listenPort"],
        ["tls.clientCertificates=true", "tls.secretName"],
        ["tls.http=true", "tls.secretName"],
        ["tls.secretName=t,tls.http=true,addressService.enabled=true", "addressService"],
        ["config.httpTlsEnable=true", "httpTlsEnable"],
        ["config.etcdEndpoints=http://e:2379", "etcdEndpoints"],
        ["config.kvStore=etcd", "kvStore"],
        ["config.controllerDLegerPeers=n0-a:1", "controllerDLegerPeers"],
        ["etcd.kv=true", "etcd.endpoints"],
        ["etcd.endpoints={e:2379}", "endpoints"],
        ["etcd.endpoints={http://e:2379},etcd.user=u", "etcd.secretName"],
        ["controller.enabled=true,replicas=1", "Kubernetes 1.28"],
        ["controller.enabled=true,replicas=3", "etcd.endpoints"],
      ] as const
    ) {
      const version = first(KUBERNETES);
      const args = ["template", "prod", CHART, "--kube-version", version, "--set", value];
      const { code, err } = await call("helm", args);
      assert.notEqual(code, 0, value);
      assert.ok(err.includes(word!), err);
    }
  });

  function options(found: Map<string, Json>): ReadonlyMap<string, string> {
    const { data } = found.get("ConfigMap prod-rocketmq-namesrv")!;
    return parseProperties(data["namesrv.properties"], "namesrv.properties");
  }
});
