import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { RequestCode, ResponseCode } from "../../../src/protocol/codes.ts";

// All other tests use the names: only here and in tests/unit/remoting/wire are the numbers checked.
describe("codes on the wire", () => {
  it("are RocketMQ's numbers of requests, and three of our own", () => {
    assert.deepEqual(RequestCode, {
      PUT_KV_CONFIG: 100,
      GET_KV_CONFIG: 101,
      DELETE_KV_CONFIG: 102,
      REGISTER_BROKER: 103,
      UNREGISTER_BROKER: 104,
      GET_ROUTEINFO_BY_TOPIC: 105,
      GET_BROKER_CLUSTER_INFO: 106,
      WIPE_WRITE_PERM_OF_BROKER: 205,
      GET_ALL_TOPIC_LIST_FROM_NAMESERVER: 206,
      DELETE_TOPIC_IN_NAMESRV: 216,
      REGISTER_TOPIC_IN_NAMESRV: 217,
      GET_KVLIST_BY_NAMESPACE: 219,
      GET_TOPICS_BY_CLUSTER: 224,
      GET_SYSTEM_TOPIC_LIST_FROM_NS: 304,
      GET_UNIT_TOPIC_LIST: 311,
      GET_HAS_UNIT_SUB_TOPIC_LIST: 312,
      GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: 313,
      UPDATE_NAMESRV_CONFIG: 318,
      GET_NAMESRV_CONFIG: 319,
      QUERY_DATA_VERSION: 322,
      ADD_WRITE_PERM_OF_BROKER: 327,
      GET_BROKER_MEMBER_GROUP: 901,
      BROKER_HEARTBEAT: 904,
      NOTIFY_MIN_BROKER_ID_CHANGE: 905,
      WHO_AM_I: 29901,
      LIST_ACCESS_ACCOUNTS: 29902,
      LIST_ACCESS_REFUSALS: 29903,
    });
  });

  it("are RocketMQ's numbers of responses", () => {
    assert.deepEqual(ResponseCode, {
      SUCCESS: 0,
      SYSTEM_ERROR: 1,
      SYSTEM_BUSY: 2,
      REQUEST_CODE_NOT_SUPPORTED: 3,
      NO_PERMISSION: 16,
      TOPIC_NOT_EXIST: 17,
      QUERY_NOT_FOUND: 22,
      GO_AWAY: 1500,
    });
  });
});
