/** The form of the lists that {@link parseEtcdEndpoints} reads, for error messages. */
export const ETCD_ENDPOINTS = "http(s)://host:port, separated by `,` or `;`";

/**
 * Reads a list of etcd's client URLs and removes duplicates.
 *
 * @returns the URLs without a slash at the end
 * @throws {TypeError} when one has another form; the message names it
 */
export function parseEtcdEndpoints(list: string): string[] {
  const items = list.split(/[;,]/).map((item) => item.trim()).filter((item) => item !== "");
  return [
    ...new Set(items.map((item) => {
      const url = URL.parse(item);
      // The port is not optional, as in etcd's own tools: a URL without one would mean 80 or 443.
      if (url === null || !/^https?:\/\/[^/?#@]+:\d+\/?$/i.test(item)) {
        throw new TypeError(`not a URL of etcd: ${item}`);
      }
      return url.origin;
    })),
  ];
}
