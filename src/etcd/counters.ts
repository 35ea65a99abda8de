import { Histogram, SECONDS } from "../histogram.ts";

/** The counters of a client. */
export class EtcdCounters {
  /** Requests that etcd has answered with success. */
  succeeded = 0;
  /** Requests that failed, after all endpoints that were tried. */
  failed = 0;
  /** Streams that were opened for a watch, the first one included. */
  watches = 0;
  /** Duration of the requests, failed ones included. */
  readonly seconds = new Histogram(SECONDS);
}
