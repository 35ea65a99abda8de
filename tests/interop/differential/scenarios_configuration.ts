/** The live configuration. */

import {
  allTopics,
  ask,
  binary,
  config,
  getConfig,
  named,
  route,
  type Scenario,
  systemTopics,
} from "./steps.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const configuration: Scenario = {
  name: "live configuration",
  config: { configBlackList: "configBlackList;configStorePath;kvConfigPath;productEnvName" },
  steps: [
    getConfig("at the start"),
    named("configuration, binary", ask("", RequestCode.GET_NAMESRV_CONFIG, undefined, binary)),
    ask("update without a body", RequestCode.UPDATE_NAMESRV_CONFIG),
    config("one key", "waitSecondsForService=44\n"),
    getConfig("one key changed"),
    config("no line end", "waitSecondsForService=43"),
    getConfig("no line end"),
    config(
      "properties syntax",
      "# a comment\n! another\n\nproductEnv\\\n  Nam=x\nwaitSecondsForService : 42\n" +
        "clientRequestThreadPoolNums 9\ndefaultThreadPoolNums\\u003d17\n\tserverWorkerThreads = 11\r\n",
    ),
    getConfig("after properties syntax"),
    config("an unknown key", "noSuchOption=1\n"),
    getConfig("after an unknown key"),
    config("kvConfigPath", "kvConfigPath=/x\n"),
    config("configStorePath", "configStorePath=/x\n"),
    config("rocketmqHome", "rocketmqHome=/x\n"),
    config("configBlackList", "configBlackList=x\n"),
    config("a key that the option added", "productEnvName=x\n"),
    config("allowed and refused together", "waitSecondsForService=1\nkvConfigPath=/x\n"),
    config("a refused key with blanks", "  kvConfigPath   =   /x\n"),
    config("a refused key, escaped", "kv\\u0043onfigPath=/x\n"),
    config("a refused key in capitals is unknown", "KVCONFIGPATH=/x\n"),
    getConfig("after refusals"),
    config("an unreadable escape", "a=\\uZZZZ\n"),
    config("only comments", "# nothing\n"),
    config("an empty value", "serverSocketBacklog=\n"),
    config("a number that is not one", "serverSocketBacklog=abc\n"),
    config("a number out of range", "serverSocketBacklog=99999999999\n"),
    config("a boolean in capitals", "enableTopicList=FALSE\n"),
    ask("topic list disabled in capitals", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "x" }),
    config("a boolean that is not one", "enableTopicList=maybe\n"),
    ask("topic list after maybe", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "x" }),
    config("disable lists", "enableTopicList=false\nenableAllTopicList=false\n"),
    allTopics("disabled"),
    ask("topics by cluster, disabled", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "x" }),
    ask("unit topics, disabled", RequestCode.GET_UNIT_TOPIC_LIST),
    ask("unit sub topics, disabled", RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST),
    ask("unit sub ununit topics, disabled", RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST),
    systemTopics("not disabled"),
    config("enable lists", "enableTopicList=true\nenableAllTopicList=true\n"),
    allTopics("enabled"),
    ask("unit topics, enabled", RequestCode.GET_UNIT_TOPIC_LIST),
    config("wait for service", "needWaitForService=true\nwaitSecondsForService=600\n"),
    route("TopicA"),
    route("TopicA", {}, binary),
    allTopics("while not ready"),
    config("ready at once", "waitSecondsForService=0\n"),
    route("TopicA"),
    getConfig("at the end"),
  ],
};

/** The scenarios of this file. */
export const CONFIGURATION: Scenario[] = [
  configuration,
];
