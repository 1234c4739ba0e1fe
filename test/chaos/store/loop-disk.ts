import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const run = (...argv: [string, ...string[]]): void => { execFileSync(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] }) }

/**
 * An ext4 file system in a file, mounted through a loop device (root and a loop device are needed; fails with the tool's reason without). The
 * image holds what the device was given: a copy of it is the disk after a power cut at that instant, without what was never synced.
 */
export class LoopDisk {
  readonly mount: string
  readonly #folder: string
  #image = 0
  #mounted = false

  constructor(folder: string, megabytes: number) {
    this.#folder = folder
    this.mount = join(folder, 'mount')
    run('mkdir', this.mount)
    run('truncate', '-s', `${megabytes}M`, this.#path())
    run('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', this.#path())
    this.#attach()
  }

  /** Goes on with the disk as it was at this instant. Nothing may have a file on it open. */
  cutPower(): void {
    const before = this.#path()
    this.#image++
    run('cp', '--sparse=always', before, this.#path())
    this.unmount()
    run('rm', before)
    this.#attach()
  }

  unmount(): void {
    if (this.#mounted) run('umount', this.mount)
    this.#mounted = false
  }

  #attach(): void {
    // The file system's own timer would sync what the store did not: kept out of the way.
    run('mount', '-o', 'loop,commit=300', this.#path(), this.mount)
    this.#mounted = true
  }

  #path(): string { return join(this.#folder, `disk-${this.#image}.img`) }
}
