/** Named pipes as streams. A plain file read of one would hold a thread for as long as nothing is written. */
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { runOk } from './exec.ts'
import { fileFacts } from './tree.ts'

/** Makes a named pipe; one that is there stays. */
export async function makeFifo(path: string): Promise<void> { if (await fileFacts(path) === undefined) await runOk(['mkfifo', '--mode=600', path]) }

/** Ends of a pipe for a child: `keeper` holds it open for writing, whoever else comes and goes, until it is closed. */
export interface FifoEnds extends Disposable { readonly child: number; readonly keeper: number }

/** `ends`: the child sees the end of its input once every writer has closed; otherwise never, for it holds a writing end itself. */
export function openFifo(path: string, ends: boolean): FifoEnds {
  // Read and write: opening does not wait for another side.
  const keeper = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const child = openSync(path, ends ? constants.O_RDONLY : constants.O_RDWR)
  return { keeper, child, [Symbol.dispose]: () => closeSync(keeper) }
}

/** Writes to whoever reads the pipe, at its pace. Throws `ENXIO` where nobody does. */
export function fifoWriter(path: string): Writable {
  return new Socket({ fd: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), readable: false, writable: true })
}

export const appendFd = (path: string): number => openSync(path, 'a')
export const closeFd = (fd: number): void => closeSync(fd)
