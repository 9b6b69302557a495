import type { ControlFramework } from './framework.ts'

export const iso42001: ControlFramework = {
  title: 'ISO/IEC 42001, AI management system, Annex A',
  edition: 'ISO/IEC 42001:2023',
  url: 'https://www.iso.org/standard/42001',
  controls: [
    {
      id: 'A.6.2.8',
      title: 'AI system recording of event logs',
      asks: 'The organisation decides in which phases of the life of an AI system event logs are kept, while it is in use at least.',
      url: 'https://www.iso.org/standard/42001',
      shows: ['recording', 'content', 'time', 'completeness', 'retention'],
      cannotShow: 'In which phases logs were to be kept, and logs of phases that were written elsewhere.',
    },
  ],
}
