/** TCP connections that the API server asks for: to a pod, wherever in it the port is listened on, or to any address the node reaches. */
import { connect as netConnect } from 'node:net'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { StatusError } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import { start } from '../../../shared/host/exec.ts'
import { readText } from '../../../shared/host/tree.ts'
import { listeningOn } from './listening.ts'

/** How a pod's network is reached from here. */
export interface PodEndpoint {
  readonly ip: string | undefined
  readonly hostNetwork: boolean
  /** A path that `nsenter` accepts. */
  readonly netns: string | undefined
  /** Of any process in it; undefined where none runs. */
  readonly pid: number | undefined
}

const patience = 10_000

/** Resolves once connected; rejects with `ServiceUnavailable`. Either side may end its half first. */
export function connectTcp(to: { readonly host: string; readonly port: number }, clock: Clock): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ ...to, allowHalfOpen: true, noDelay: true })
    const timer = clock.after(patience, () => socket.destroy(new Error(`connect to ${to.host}:${to.port}: timed out`)))
    const failed = (e: Error): void => {
      timer[Symbol.dispose]()
      reject(new StatusError('ServiceUnavailable', `dial tcp ${to.host}:${to.port}: ${e.message}`))
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      timer[Symbol.dispose]()
      socket.off('error', failed)
      resolve(socket)
    })
  })
}

/** A connection within another network namespace: busybox' `nc` there, for Node cannot enter one. Ends with either side. */
function connectInside(netns: string, host: string, port: number): Duplex {
  const child = start(['nsenter', `--net=${netns}`, 'busybox', 'nc', host, String(port)], { stdio: ['pipe', 'pipe', 'ignore'] })
  return new ChildStream(child.stdin as Writable, child.stdout as Readable, child)
}

/** Input and output of a program as one stream. */
class ChildStream extends Duplex {
  readonly #input: Writable
  readonly #output: Readable
  readonly #child: { kill(signal: 'SIGKILL'): boolean }

  constructor(input: Writable, output: Readable, child: { kill(signal: 'SIGKILL'): boolean; once(event: 'error', listener: (e: Error) => void): unknown }) {
    super()
    this.#input = input
    this.#output = output
    this.#child = child
    output.on('data', (data: Buffer) => { if (!this.push(data)) output.pause() })
    output.on('end', () => this.push(null))
    for (const part of [input, output]) part.on('error', (e) => this.destroy(e))
    child.once('error', (e) => this.destroy(e))
  }

  override _read(): void { this.#output.resume() }
  override _write(data: Buffer, _encoding: string, done: (error?: Error | null) => void): void { this.#input.write(data, done) }
  override _final(done: () => void): void { this.#input.end(done) }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill('SIGKILL')
    done(error)
  }
}

/** `BadRequest`'s sibling for a port nobody listens on is told in upstream's words, and ends the one connection, not the client's session. */
export async function connectPod(pod: PodEndpoint, port: number, clock: Clock): Promise<Duplex> {
  if (pod.hostNetwork) return connectTcp({ host: '127.0.0.1', port }, clock)
  if (pod.netns === undefined || pod.ip === undefined) throw new StatusError('ServiceUnavailable', 'the sandbox of the pod is not running')
  const read = async (name: string): Promise<string> => (pod.pid === undefined ? '' : await readText(`/proc/${pod.pid}/net/${name}`) ?? '')
  const where = listeningOn(port, { tcp: await read('tcp'), tcp6: await read('tcp6') })
  if (where === 'any') return connectTcp({ host: pod.ip, port }, clock)
  if (where === undefined) throw new StatusError('ServiceUnavailable', `failed to connect to localhost:${port} inside namespace ${JSON.stringify(pod.netns)}: connection refused`)
  return connectInside(pod.netns, where === 'loopback4' ? '127.0.0.1' : '::1', port)
}
