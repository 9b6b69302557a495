import { expect, it } from 'vitest'
import { type AuditEvent, EventStream } from '../../src/core/events.ts'

const event = { type: 'refused', entries: 1, code: 'busy' } as const

it('a listener that throws harms no other, and the others are told of it', () => {
  const events = new EventStream()
  const heard: AuditEvent[] = []
  events.on(() => {
    throw new Error('no')
  })
  const off = events.on(given => heard.push(given))
  expect(events.isHeard).toBe(true)
  events.emit(event)
  expect(heard.map(({ type }) => type).toSorted()).toEqual(['fault', 'refused'])
  expect(heard).toContainEqual({ type: 'fault', where: 'listener', message: 'no' })
  off()
  off()
  events.emit(event)
  expect(heard).toHaveLength(2)
})

it('a listener may stop listening, or begin, while it is told', () => {
  const events = new EventStream()
  const heard: string[] = []
  const off = events.on(() => {
    heard.push('first')
    off()
    events.on(() => heard.push('late'))
  })
  events.on(() => heard.push('second'))
  events.emit(event)
  expect(heard).toEqual(['first', 'second'])
  events.emit(event)
  expect(heard).toEqual(['first', 'second', 'second', 'late'])
})
