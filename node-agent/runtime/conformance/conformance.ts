/** What every {@link Runtime} promises, told as tests. Run over each implementation by `conformance.int.test.ts`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inside } from './inside.ts'
import { failures, lifecycle } from './lifecycle.ts'
import { execs, logs } from './streams.ts'
import { survival } from './survival.ts'
import { worldOf, type Fixture, type Kind } from './world.ts'

export function runtimeConformance(name: string, kind: Kind, make: () => Promise<Fixture>): void {
  describe(name, () => {
    let fixture: Fixture
    beforeAll(async () => { fixture = await make() })
    afterAll(async () => { await fixture?.stop() })
    const world = worldOf(kind, () => fixture)

    lifecycle(world)
    failures(world)
    test('an engine that tells its version', async () => { expect((await world.rt().version()).length).toBeGreaterThan(0) })
    if (kind === 'engine') describe('seen from inside', () => { inside(world); logs(world); execs(world); survival(world) })
  })
}
