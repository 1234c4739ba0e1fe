import { expect, it } from 'vitest'
import { silentLog } from '../../../shared/host/log.ts'
import type { Container } from '../../runtime/runtime.ts'
import { followed, removeFollowed } from './dead-containers.ts'

const container = (podUid: string, name: string, attempt: number, state: Container['state']): Container =>
  ({ id: `${podUid}/${name}/${attempt}`, sandboxId: 's', podUid, name, attempt, state, createdAt: 0, startedAt: 0, finishedAt: undefined, exitCode: undefined, oomKilled: false, message: undefined, imageId: 'i', image: 'i', pid: undefined })
const all = [container('a', 'm', 0, 'exited'), container('a', 'm', 1, 'exited'), container('a', 'm', 2, 'running'), container('a', 'n', 3, 'exited'), container('b', 'm', 0, 'exited'), container('b', 'm', 1, 'exited')]

it('of a disk that is short, what was followed by another goes, and the newest stays', async () => {
  expect(followed(all).map((c) => c.id)).toEqual(['a/m/0', 'a/m/1', 'b/m/0'])
  const dropped: string[] = []
  const removed = await removeFollowed(all, { log: silentLog, dropped: (id) => { dropped.push(id) }, runtime: { removeContainer: async (id) => { if (id === 'a/m/1') throw new Error('busy') } } })
  expect([removed, dropped]).toEqual([2, ['a/m/0', 'b/m/0']])
})
