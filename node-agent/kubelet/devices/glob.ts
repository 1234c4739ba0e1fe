/** Paths with wildcards, looked up; and which folders to watch for a change of the answer. */
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { isWild } from './classes.ts'

/** `*` and `?` within one part of a path; a leading dot has to be named. */
export function partMatcher(part: string): (name: string) => boolean {
  if (!isWild(part)) return (name) => name === part
  const pattern = new RegExp(`^${part.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`)
  return (name) => pattern.test(name) && !name.startsWith('.')
}

/** Reads each folder once. */
export class Looker {
  /** All that was read, and of what is missing the nearest folder that is there. */
  readonly folders = new Set<string>()
  readonly #files: Pick<FileTree, 'list' | 'stat'>
  readonly #lists = new Map<string, Promise<readonly string[]>>()
  constructor(files: Pick<FileTree, 'list' | 'stat'>) { this.#files = files }

  /** Names in a folder, sorted; empty where there is no such folder. */
  names(folder: string): Promise<readonly string[]> {
    let list = this.#lists.get(folder)
    if (!list) this.#lists.set(folder, list = this.#files.list(folder))
    return list
  }

  async expand(pattern: string): Promise<string[]> {
    let at = ['']
    const parts = pattern.split('/').slice(1)
    for (const [i, part] of parts.entries()) {
      const below = i === parts.length - 1 || isWild(part) ? at.map((folder) => this.#matching(folder, part)) : at.map((folder) => this.#through(folder, part))
      at = (await Promise.all(below)).flat()
    }
    return at
  }

  async #matching(folder: string, part: string): Promise<string[]> {
    if (!(await this.#isFolder(folder || '/'))) return []
    this.folders.add(folder || '/')
    const matches = partMatcher(part)
    return (await this.names(folder || '/')).filter(matches).map((name) => `${folder}/${name}`)
  }

  async #through(folder: string, part: string): Promise<string[]> {
    const path = `${folder}/${part}`
    if (await this.#isFolder(path)) return [path]
    if (await this.#isFolder(folder || '/')) this.folders.add(folder || '/')
    return []
  }

  async #isFolder(path: string): Promise<boolean> { return (await this.#files.stat(path))?.kind === 'directory' }
}
