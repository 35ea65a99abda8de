/** Source of the response to a scrape. */
export interface MetricsSource {
  /** The Content-Type of the text that {@link render} returns. */
  readonly contentType: string;
  /** Renders all current metrics in the format that {@link contentType} names. */
  render(): Promise<string>;
}
