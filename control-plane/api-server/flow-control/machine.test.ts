import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Level, Ticket } from './machine.ts'
import { FlowMachine } from './machine.ts'

const level = (name: string, shares: number, rest: Partial<Level> = {}): Level =>
  ({ name, exempt: false, shares, lendablePercent: 0, borrowingLimitPercent: 0, queuing: { queues: 4, handSize: 2, queueLengthLimit: 5 }, ...rest })

/** Fills a machine of one level with `n` requests of a flow; gives their tickets. */
const flood = (machine: FlowMachine, flow: string, n: number): Ticket[] => Array.from({ length: n }, () => machine.arrive('a', flow, 1)).flatMap((a) => (a.is === 'refused' ? [] : [a.ticket]))

describe('one level', () => {
  it('runs what it has seats for, queues what has room, refuses the rest', () => {
    const machine = new FlowMachine(3, [level('a', 1)])
    const answers = Array.from({ length: 20 }, () => machine.arrive('a', 'x', 1).is)
    expect(answers.filter((a) => a === 'running')).toHaveLength(3)
    expect(answers.filter((a) => a === 'waiting')).toHaveLength(10)
    expect(machine.arrive('a', 'x', 1)).toEqual({ is: 'refused', why: 'queue-full' })
    expect(machine.arrive('a', 'y', 1).is).toBe('waiting')
  })

  it('lets a newcomer run next however many of another flow wait', () => {
    const machine = new FlowMachine(2, [level('a', 1)])
    const running = flood(machine, 'flood', 12)
    const mine = machine.arrive('a', 'mine', 1)
    expect(mine.is).toBe('waiting')
    // Both flows have been charged the same; at the latest the second seat is the newcomer's.
    const started = [...machine.leave(running[0]!), ...machine.leave(running[1]!)]
    expect(started.map((t) => t.flow)).toContain('mine')
  })

  it('takes turns by what flows cost, not by how many they are', () => {
    const machine = new FlowMachine(1, [level('a', 1, { queuing: { queues: 10, handSize: 10, queueLengthLimit: 10 } })])
    const [first] = flood(machine, 'x', 1)
    for (let i = 0; i < 30; i++) { machine.arrive('a', 'wide', 5); machine.arrive('a', 'narrow', 1) }
    const order: string[] = []
    for (let ticket = first; ticket && order.length < 24;) {
      const [next] = machine.leave(ticket)
      order.push(next!.flow)
      ticket = next
    }
    expect(order.filter((f) => f === 'narrow').length / order.filter((f) => f === 'wide').length).toBeCloseTo(5, 0)
  })

  it('one that gives up leaves no hole', () => {
    const machine = new FlowMachine(1, [level('a', 1)])
    const tickets = flood(machine, 'x', 3)
    expect(machine.leave(tickets[1]!)).toEqual([])
    expect(machine.leave(tickets[0]!)).toEqual([tickets[2]])
    expect(machine.leave(tickets[1]!)).toEqual([])
    expect(machine.leave(tickets[2]!)).toEqual([])
    expect(machine.levels).toEqual([{ name: 'a', nominal: 1, running: 0, waiting: 0 }])
  })

  it('refuses at once where it may not queue, and runs what is wider than itself alone', () => {
    const machine = new FlowMachine(2, [level('a', 1, { queuing: undefined })])
    expect(machine.arrive('a', 'x', 9).is).toBe('running')
    expect(machine.arrive('a', 'x', 1)).toEqual({ is: 'refused', why: 'concurrency-limit' })
  })
})

it('levels borrow what others do not need, and give it back', () => {
  const levels = [level('a', 1, { borrowingLimitPercent: undefined }), level('b', 1, { lendablePercent: 50 })]
  const machine = new FlowMachine(8, levels)
  const running = flood(machine, 'x', 10)
  expect(machine.levels.map((l) => [l.nominal, l.running, l.waiting])).toEqual([[4, 6, 4], [4, 0, 0]])
  // The lender has its nominal seats whatever was lent.
  for (let i = 0; i < 4; i++) expect(machine.arrive('b', 'y', 1).is).toBe('running')
  expect(machine.leave(running[0]!)).toEqual([])
})

it('an exempt level runs everything; a level that goes gives back who waited', () => {
  const machine = new FlowMachine(1, [level('a', 1), level('e', 0, { exempt: true })])
  for (let i = 0; i < 100; i++) expect(machine.arrive('e', 'x', 1).is).toBe('running')
  const tickets = flood(machine, 'x', 3)
  expect(machine.configure([level('e', 0, { exempt: true })])).toEqual(tickets.slice(1))
  expect(machine.leave(tickets[0]!)).toEqual([])
})

it('never runs more than fits, never forgets a request', () => {
  const act = fc.record({ level: fc.constantFrom('a', 'b', 'c'), flow: fc.constantFrom('1', '2', '3'), width: fc.integer({ min: 1, max: 3 }), leave: fc.nat({ max: 20 }) })
  fc.assert(fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
    const machine = new FlowMachine(12, [level('a', 1, { borrowingLimitPercent: undefined, lendablePercent: 50 }), level('b', 2, { lendablePercent: 50 }), level('c', 1, { borrowingLimitPercent: undefined })])
    const known: Ticket[] = []
    for (const a of acts) {
      const answer = machine.arrive(a.level, a.flow, a.width)
      if (answer.is !== 'refused') known.push(answer.ticket)
      const gone = known[a.leave]
      if (gone) { known.splice(a.leave, 1); machine.leave(gone) }
    }
    // Leaving one after the other, everybody who waited runs once.
    for (let guard = 0; known.length && guard < 1000; guard++) {
      const at = known.findIndex((t) => t.state === 'running')
      expect(at).toBeGreaterThanOrEqual(0)
      machine.leave(known[at]!)
      known.splice(at, 1)
    }
    expect(known).toEqual([])
    for (const l of machine.levels) expect([l.running, l.waiting]).toEqual([0, 0])
  }))
})
