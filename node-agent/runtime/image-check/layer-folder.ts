/** The folder that a layer was unpacked into, looked at from outside: nothing is followed out of it. */
import { constants, createReadStream, type BigIntStats } from 'node:fs'
import { lstat, open, readlink } from 'node:fs/promises'
import { join } from 'node:path'

const isMissing = (e: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((e as NodeJS.ErrnoException).code ?? '')
const partsOf = (name: string): string[] => name.split('/').filter((p) => p !== '' && p !== '.')

/** Compares names and contents with what a layer should hold. A difference is a sentence; undefined is none. What the disk cannot read is thrown as it comes. */
export class LayerFolder {
  readonly #root: string
  /** Entries of a layer come folder by folder. */
  #last: { readonly name: string; readonly path: string } | undefined

  constructor(root: string) { this.#root = root }

  async file(name: string, size: number, body: AsyncIterable<Buffer>): Promise<string | undefined> {
    const path = await this.#path(name)
    let file
    // A folder, a device or a link of that name must not be opened for what it is: only a plain file can be right.
    try { file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) } catch (e) {
      if (isMissing(e)) return 'is missing'
      if ((e as NodeJS.ErrnoException).code === 'ELOOP' || (e as NodeJS.ErrnoException).code === 'ENXIO') return 'is no file'
      throw e
    }
    try {
      const found = await file.stat()
      if (!found.isFile()) return 'is no file'
      if (found.size !== size) return found.size === 0 ? `is empty instead of ${size} bytes` : `has ${found.size} bytes instead of ${size}`
      let at = 0
      for await (const wanted of body) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(wanted.length), 0, wanted.length, at)
        if (bytesRead !== wanted.length || buffer.compare(wanted) !== 0) return `differs within the ${wanted.length} bytes from ${at}`
        at += wanted.length
      }
      return undefined
    } finally {
      await file.close()
    }
  }

  async directory(name: string): Promise<string | undefined> { return (await this.#stat(name))?.isDirectory() ? undefined : 'is no folder' }

  async symlink(name: string, target: string): Promise<string | undefined> {
    if (!(await this.#stat(name))?.isSymbolicLink()) return 'is no link'
    return (await readlink(await this.#path(name))) === target ? undefined : 'leads elsewhere'
  }

  async hardlink(name: string, target: string): Promise<string | undefined> {
    const [one, other] = [await this.#stat(name), await this.#stat(target)]
    if (!one) return 'is missing'
    return one.ino === other?.ino ? undefined : `is not the file ${target}`
  }

  async #stat(name: string): Promise<BigIntStats | undefined> {
    try { return await lstat(await this.#path(name), { bigint: true }) } catch (e) { if (isMissing(e)) return undefined; throw e }
  }

  /** What is in a file that must have exactly `size` bytes; a sentence instead where it has not. */
  async content(name: string, size: number): Promise<AsyncIterable<Buffer> | string> {
    const found = await this.#stat(name)
    if (!found) return 'is missing'
    if (!found.isFile()) return 'is no file'
    if (Number(found.size) !== size) return found.size === 0n ? `is empty instead of ${size} bytes` : `has ${found.size} bytes instead of ${size}`
    return createReadStream(await this.#path(name), { highWaterMark: 65_536 })
  }

  /** Where an engine has put an entry: links on the way count from the layer's root, the last part is taken as it is. */
  async #path(name: string): Promise<string> {
    const parts = partsOf(name)
    const last = parts.pop() ?? ''
    const folder = parts.join('/')
    if (this.#last?.name !== folder) this.#last = { name: folder, path: await this.#resolve(parts) }
    return join(this.#last.path, last === '..' ? '' : last)
  }

  async #resolve(of: readonly string[]): Promise<string> {
    let done: string[] = []
    const left = [...of]
    for (let links = 0; left.length > 0;) {
      const part = left.shift()!
      if (part === '..') { done.pop(); continue }
      const target = await readlink(join(this.#root, ...done, part)).catch((e: NodeJS.ErrnoException) => { if (e.code === 'EINVAL' || isMissing(e)) return undefined; throw e })
      if (target === undefined) { done.push(part); continue }
      if (++links > 40) throw Object.assign(new Error(`too many links on the way to ${of.join('/')}`), { code: 'ELOOP' })
      if (target.startsWith('/')) done = []
      left.unshift(...partsOf(target))
    }
    return join(this.#root, ...done)
  }
}
