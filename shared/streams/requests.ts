/** What the control plane asks of a node over `rpc` before the node dials back. */

export interface ContainerTarget {
  readonly namespace: string
  readonly pod: string
  readonly uid: string
  readonly container: string
}

export interface ExecParams extends ContainerTarget {
  readonly argv: readonly string[]
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}
export type AttachParams = Omit<ExecParams, 'argv'>

export interface LogParams extends ContainerTarget {
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines?: number
  readonly limitBytes?: number
  /** Wall clock, milliseconds: lines at or after it. */
  readonly since?: number
}

/** A TCP connection to a port of a pod, wherever in the pod it is listened on: its address or its loopback. */
export interface ForwardParams {
  readonly namespace: string
  readonly pod: string
  readonly uid: string
  readonly port: number
}

/** A TCP connection as the node opens it. */
export interface ConnectParams {
  readonly host: string
  readonly port: number
}

/** Method -> parameters. Every call names a path on the API server, and is answered by dialling back to it over WebSocket. */
export interface StreamMethods {
  exec: ExecParams
  attach: AttachParams
  logs: LogParams
  forward: ForwardParams
  connect: ConnectParams
  /** The kubelet's own HTTP endpoints (`/pods`, `/stats/summary`): an HTTP/1.1 connection. */
  kubelet: Record<string, never>
}
