/** What a scrape is answered with. */
export interface MetricsSource {
  /** The Content-Type of what {@link render} gives. */
  readonly contentType: string;
  /** Every metric as it is now, in the text format that {@link contentType} names. */
  render(): Promise<string>;
}
