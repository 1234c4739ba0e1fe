/**
 * What the control plane needs of an MQTT broker. The embedded one implements it in process; a client of an external broker can take its place.
 *
 * Delivery is at most once; messages of one publisher on one topic arrive in order. A handler of a subscription to retained topics is given
 * the retained messages where the broker outlived its subscriber. A handler does not throw.
 */
export interface MessageBus {
  /** Resolves when the message was handed to the sockets of all who are subscribed now; nobody being subscribed is no error. */
  publish(message: { topic: string; payload: Buffer; retain?: boolean }): Promise<void>
  subscribe(filter: string, handler: (message: { topic: string; payload: Buffer }) => void): Promise<AsyncDisposable>
}
