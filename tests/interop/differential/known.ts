/**
 * The known differences between our responses and those of the reference name server 5.5.0. The
 * differential test fails for a difference without a matching row, and for a row without a
 * difference.
 */

/** A known difference: all its patterns match the places where it occurs. */
export interface KnownDifference {
  name: string;
  why: string;
  /** Matches `scenario / step`; matches everywhere if absent. */
  where?: RegExp;
  /** Matches the path in the response. */
  path: RegExp;
  /** Matches the reference's value, as text. */
  reference?: RegExp;
  /** Matches our value, as text. */
  ours?: RegExp;
}

const ABSENT = /^\(absent\)$/;
const DOES_WITHOUT = /^fields that the reference does without \//;

/** All known differences; the first match counts. */
export const KNOWN: KnownDifference[] = [
  {
    name: "language",
    why: "this server is not written in Java; the protocol's word for other languages is OTHER",
    path: /^language$/,
    reference: /^"JAVA"$/,
    ours: /^"OTHER"$/,
  },
  {
    name: "answers follow the request's serialization",
    why: "the reference answers binary headers with JSON ones unless a system property is set",
    path: /^serialization$/,
    reference: /^"JSON"$/,
    ours: /^"ROCKETMQ"$/,
  },
  {
    name: "words of errors",
    why: "the reference sends a Java exception with its source line; ours names what is wrong",
    path: /^remark$/,
    reference: /^"[\w.]+\.\w*Exception: /,
    ours: /^"(the field <\w+> |unreadable body: )/,
  },
  {
    name: "a field that is missing or no number is refused: code",
    why: "the reference goes on with null, and some of it then breaks its tables for everybody",
    where: DOES_WITHOUT,
    path: /^code$/,
    reference: /^(0|17|22)$/,
    ours: /^1$/,
  },
  {
    name: "a field that is missing or no number is refused: remark",
    why: "the remark names the field",
    where: DOES_WITHOUT,
    path: /^remark$/,
    ours: /^"the field <\w+> /,
  },
  {
    name: "a field that is missing or no number is refused: no result",
    why: "a refused request has neither extFields nor a body",
    where: DOES_WITHOUT,
    path: /^(extFields|body|dialect)$/,
    ours: /^(null|\(absent\))$/,
  },
  {
    name: "a field that is missing or no number is refused: tables",
    why: "the reference's tables hold the broker, or a null, or can no longer be written",
    where: /^fields that the reference does without \/ cluster info/,
    path: /^(body\.|dialect\.unquotedKeys$)/,
    ours: /^(\(absent\)|false)$/,
  },
  {
    name: "a refused first registration leaves nothing behind",
    why: "the reference keeps the broker's name and cluster without an address for good",
    where: /^a refused first registration \/ (cluster info|system topics)$/,
    path: /^body\.(brokerAddrTable|clusterAddrTable|topicList)\./,
    ours: ABSENT,
  },
  {
    name: "a refused new id leaves the old one",
    why: "the reference has taken the address off its old id when it refuses the new one",
    where: /^rivals and switched ids \//,
    path: /\.broker-a\.brokerAddrs\.5$/,
    reference: ABSENT,
    ours: /^"10\.0\.0\.1:10911"$/,
  },
  {
    name: "a zlib registration under compressed=false",
    why: "5.x brokers with compressedRegister=true send it so; the reference refuses them",
    where: /a zlib body under compressed=false$|route of Lie1$/,
    path: /^(code|remark|extFields|body|dialect)$/,
    reference:
      /^(1|17|null|\(absent\)|".*Failed to decode RegisterBrokerBody.*"|"No topic route.*")$/,
    ours: /^(0|null|\{.*\})$/,
  },
  {
    name: "a zlib registration under compressed=false: tables",
    why: "the broker and its topics are there",
    where: /^registrations of old, middle and new brokers \//,
    path: /(\.lie|"lie"|"Lie[12]")$/,
    reference: ABSENT,
  },
  {
    name: "names without quotes",
    why: "fastjson 1, which 4.x brokers write with, allows them; fastjson2 only whole numbers",
    where: /unquoted names$/,
    path: /^(code|remark|extFields)$/,
    reference: /^(1|null|".*Failed to decode RegisterBrokerBody.*")$/,
    ours: /^(0|null|\{\})$/,
  },
  {
    name: "names without quotes: tables",
    why: "the broker is there",
    where: /^registrations of old, middle and new brokers \//,
    path: /\.?"?unquoted"?$/,
    reference: ABSENT,
  },
  {
    name: "static mappings go with their topic",
    why: "the reference keeps the mappings of a topic that no broker has any more for ever",
    where: /route, mappings outlive the broker$/,
    path: /^body\.topicQueueMappingByBroker$/,
    ours: ABSENT,
  },
  {
    name: "a static topic that comes back has the mapping that its broker sends",
    why: "the reference shows the one from before the topic was deleted, which can be outdated",
    where: /route, it is back$/,
    path: /^body\.topicQueueMappingByBroker\.broker-a\.epoch$/,
    reference: /^1$/,
    ours: /^2$/,
  },
  {
    name: "zone-filtered routes are in the client's dialect",
    why: "the reference writes them with unquoted keys also for clients that want standard JSON",
    where: /^zones \//,
    path: /^dialect\.unquotedKeys$/,
    reference: /^true$/,
    ours: /^false$/,
  },
  {
    name: "zone-filtered routes are in the client's dialect: long numbers",
    why: "standard JSON writes what is beyond 2^53 as text",
    where: /^zones \//,
    path: /\.epoch$/,
    reference: /^9007199254740993$/,
    ours: /^"9007199254740993"$/,
  },
  {
    name: "a wrong configuration value is refused",
    why: "the reference answers success and leaves the value as it was",
    where: /^live configuration \/ (an empty value|a number|a boolean that is not)/,
    path: /^(code|remark)$/,
    reference: /^(0|null)$/,
    ours: /^(1|"(serverSocketBacklog|enableTopicList)=.* must be .*")$/,
  },
  {
    name: "names that are too long, or have control characters, are refused",
    why: "the reference sends them on in every answer, until no client can read it",
    where: /^(KV|unusual names of brokers, clusters and topics) \/ (put|register) refused/,
    path: /^(code|remark|extFields)$/,
    reference: /^(0|null|\{\})$/,
    ours: /^(1|null|".*the field <\w+> has (more than 255 bytes of UTF-8|a control character)")$/,
  },
  {
    name: "options of our own",
    why: "see the table of options",
    where: /^live configuration \/ configuration/,
    path:
      /^body\.(access\w+|addressServiceDomain|audit\w+|compare\w+|consoleEnable|detectCompressedRegistration|etcd\w+|frame\w+|headerCacheMaxBytes|http\w+|kvStore|log\w+|max\w+|metricsPer\w+|productEnvNamesrvAddr|proxyHeaderTimeoutSeconds|routeCacheMaxBytes|routeSnapshot\w+|watch\w+|tls[A-Z]\w+|transport|trustedProxies|tls\..*)$/,
    reference: ABSENT,
  },
  {
    name: "a longer queue of connections that are not accepted yet",
    why: "clients that find no place in it try again after a second, then after two",
    where: /^live configuration \/ configuration/,
    path: /^body\.serverSocketBacklog$/,
    reference: /^"1024"$/,
    ours: /^"4096"$/,
  },
  {
    name: "a topic's registration counts wholly or not at all",
    why: "the reference keeps what stood before the unknown broker, for topics that it knows",
    where: /^register and delete topics \/ route of New$/,
    path: /^body\.queueDatas\.broker-a\.(readQueueNums|writeQueueNums)$/,
    reference: /^1$/,
    ours: /^9$/,
  },
  {
    name: "a lost connection takes all its brokers along",
    why: "the reference forgets only the first that it finds",
    where: /^several brokers over one connection \/ cluster info without/,
    path: /^(dialect|body)\./,
    ours: /^(false|\(absent\))$/,
  },
  {
    name: "bytes that are no frame end the connection",
    why: "the reference leaves the connection open and waits, or reads on as if nothing were",
    where:
      /^frames that are none \/ (a binary header that is too short|a length beyond the limit)$/,
    path: /^$/,
    reference: /^"open"$/,
    ours: /^"closed"$/,
  },
];
