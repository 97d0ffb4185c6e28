/**
 * How it is seen from outside that the feed's event loop turns: the program touches a file below `spillDirectory`, the only
 * place where it may write, and the container's health check looks how old that is.
 */
export const heartbeatFile = 'heartbeat';
/** Milliseconds between two touches. */
export const heartbeatEveryMs = 1_000;
/** Milliseconds from which on it is too old: thirty touches are missing, which no garbage collection and no busy disk explains. */
export const heartbeatTooOldMs = 30_000;
