/** The last requests that went through the proxy: latency by hop, and what tests count. */
export interface LoggedRequest {
  /** When it arrived, ms since the epoch. */
  at: number;
  caller: string;
  service: string;
  operation: string;
  resource: string;
  /** HTTP status that the caller was sent; undefined when the connection was cut. */
  status: number | undefined;
  /** From its arrival to the last byte of the response, ms. */
  durationMs: number;
  /** Who answered when it was not the upstream: `refused`, `cut`, `hook`, or the error that broke the connection. */
  ended?: string;
  /** The action that IAM denied, such as `s3:PutObject`. */
  denied?: string;
}

export interface RequestLog {
  add(entry: LoggedRequest): void;
  /** Oldest first; those that have the given members. */
  entries(
    having?: Partial<Pick<LoggedRequest, 'caller' | 'service' | 'operation' | 'status'>>,
  ): LoggedRequest[];
  clear(): void;
}

/** Keeps the last `capacity` requests. */
export function createRequestLog(capacity: number): RequestLog {
  let ring: LoggedRequest[] = [];
  return {
    add(entry) {
      ring.push(entry);
      // Cut back now and then, not each time: a shift per request would move the whole array.
      if (ring.length >= 2 * capacity) ring = ring.slice(-capacity);
    },
    entries(having = {}) {
      const wanted = Object.entries(having) as [keyof LoggedRequest, unknown][];
      return ring
        .slice(-capacity)
        .filter((entry) => wanted.every(([member, value]) => entry[member] === value));
    },
    clear() {
      ring = [];
    },
  };
}
