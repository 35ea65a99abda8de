/** The answer of `/api/v1/topics/:topic/route`, as far as actions read it. */
export interface RouteAnswer {
  readonly route: {
    readonly brokerDatas: readonly { readonly brokerName: string; readonly cluster: string }[];
    readonly queueDatas: readonly {
      readonly brokerName: string;
      readonly writeQueueNums: number;
    }[];
  } | null;
}
