import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { defaultOptions, type Options } from "../../../src/config/options.ts";
import { findContradictions } from "../../../src/config/values.ts";

function contradictions(options: Partial<Options>): string[] {
  return findContradictions({ ...defaultOptions(), ...options }).map(({ name }) => name);
}

describe("findContradictions of TLS options", () => {
  const files = { "tls.server.keyPath": "/key", "tls.server.certPath": "/cert" };

  it("finds none in test mode, or without TLS", () => {
    for (const mode of ["disabled", "permissive", "enforcing"] as const) {
      assert.deepEqual(contradictions({ "tls.server.mode": mode }), []);
    }
    assert.deepEqual(
      contradictions({ "tls.server.mode": "disabled", "tls.test.mode.enable": false }),
      [],
    );
  });

  it("wants a key and a certificate", () => {
    const real = { "tls.test.mode.enable": false };
    assert.deepEqual(contradictions(real), ["tls.server.keyPath", "tls.server.certPath"]);
    assert.deepEqual(contradictions({ ...real, ...files }), []);
  });

  it("wants authorities where clients are verified", () => {
    const real = { "tls.test.mode.enable": false, ...files, "tls.server.authClient": true };
    assert.deepEqual(contradictions(real), []);
    const asked = { ...real, "tls.server.need.client.auth": "optional" as const };
    assert.deepEqual(contradictions(asked), ["tls.server.trustCertPath"]);
    assert.deepEqual(contradictions({ ...asked, "tls.server.trustCertPath": "/ca" }), []);
  });
});

describe("findContradictions of httpTls options", () => {
  it("wants a key and a certificate where the HTTP port has TLS", () => {
    const on = { httpTlsEnable: true };
    assert.deepEqual(contradictions(on), ["httpTlsKeyPath", "httpTlsCertPath"]);
    assert.deepEqual(contradictions({ ...on, httpPort: 0 }), []);
    assert.deepEqual(contradictions({ ...on, httpTlsKeyPath: "/k", httpTlsCertPath: "/c" }), []);
  });
});
