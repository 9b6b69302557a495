import type { ControlFramework } from './framework.ts'

const url = (article: number) => `https://artificialintelligenceact.eu/article/${article}/`

/** It asks for logs, and for keeping them. It does not ask for logs in which tampering is noticed. */
export const euAiAct: ControlFramework = {
  title: 'EU Artificial Intelligence Act',
  edition: 'Regulation (EU) 2024/1689',
  url: 'https://eur-lex.europa.eu/eli/reg/2024/1689/oj',
  retention: {
    days: 184,
    says: 'Articles 19(1) and 26(6): at least six months, unless other law says otherwise',
  },
  controls: [
    {
      id: 'Article 12(1)',
      title: 'Record-keeping: automatic recording',
      asks: 'High-risk AI systems are built so that events are recorded automatically over their whole life.',
      url: url(12),
      shows: ['recording', 'completeness', 'failures'],
      cannotShow:
        'Whether everything the system did was handed to this log, and whether the system is one that the article is about.',
    },
    {
      id: 'Article 12(2)',
      title: 'Record-keeping: traceability',
      asks: 'What is recorded makes it possible to recognise risks and substantial modifications, to watch the system after it is on the market, and to monitor its operation.',
      url: url(12),
      shows: ['content', 'outcomes', 'actors', 'alerts', 'changes'],
      cannotShow:
        'Whether the events that were chosen for recording are those that matter for the risks of this system: that follows from its risk management.',
    },
    {
      id: 'Article 12(3)',
      title: 'Record-keeping: remote biometric identification',
      asks: 'For such systems: start and end of each use, the reference database, the input that led to a match, and who verified the result.',
      url: url(12),
      shows: ['content', 'actors', 'time'],
      cannotShow:
        'Whether these particulars were handed over with each use: the log keeps what a caller gives, under names that the caller chooses.',
    },
    {
      id: 'Article 19',
      title: 'Automatically generated logs: providers',
      asks: 'Providers keep the logs that are under their control for a period that suits the purpose of the system, and for six months at least.',
      url: url(19),
      shows: ['retention', 'erasure', 'integrity'],
      cannotShow:
        'Copies and backups kept elsewhere, which period suits the purpose, and whether the periods set today were those of the past.',
    },
    {
      id: 'Article 26(5)',
      title: 'Deployers: monitoring',
      asks: 'Deployers watch the operation of the system, and tell provider and authorities of risks and serious incidents.',
      url: url(26),
      shows: ['alerts', 'outcomes', 'accesses', 'reports'],
      cannotShow: 'Whether a person drew the right conclusion from what was seen, and whether anyone outside was told.',
    },
    {
      id: 'Article 26(6)',
      title: 'Deployers: keeping logs',
      asks: 'Deployers keep the logs that are under their control for a period that suits the purpose of the system, and for six months at least.',
      url: url(26),
      shows: ['retention', 'erasure', 'integrity'],
      cannotShow: 'Logs that the provider keeps, and whether other law asks for a longer or a shorter period.',
    },
  ],
}
