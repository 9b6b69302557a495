import type { ControlFramework } from './framework.ts'

const url = (section: string) => `https://www.ecfr.gov/current/title-45/section-${section}`

export const hipaa: ControlFramework = {
  title: 'HIPAA Security Rule',
  edition: '45 CFR Part 164, Subpart C',
  url: 'https://www.ecfr.gov/current/title-45/subtitle-A/subchapter-C/part-164/subpart-C',
  retention: {
    days: 2192,
    says: '164.316(b)(2)(i): required documentation of actions and activities is kept for six years',
  },
  controls: [
    {
      id: '164.308(a)(1)(ii)(D)',
      title: 'Review of information system activity',
      asks: 'Records of activity, such as audit logs and reports of access and incidents, are reviewed regularly.',
      url: url('164.308'),
      shows: ['accesses', 'reports', 'alerts'],
      cannotShow: 'Whether a review was thorough, and reviews that were made with other means.',
    },
    {
      id: '164.312(a)(1)',
      title: 'Access control',
      asks: 'Only those persons and programs get access that were granted it.',
      url: url('164.312'),
      shows: ['accesses', 'outcomes', 'actors'],
      cannotShow: 'Which rights had been granted, and access to systems other than this log.',
    },
    {
      id: '164.312(b)',
      title: 'Audit controls',
      asks: 'Mechanisms record and examine activity in systems that hold or use electronic protected health information.',
      url: url('164.312'),
      shows: ['recording', 'content', 'actors', 'accesses'],
      cannotShow:
        'Systems with health information that do not write here, and whether anyone examined what was recorded.',
    },
    {
      id: '164.312(c)(1)',
      title: 'Integrity',
      asks: 'Electronic protected health information is protected from improper alteration and destruction.',
      url: url('164.312'),
      shows: ['integrity', 'completeness', 'erasure'],
      cannotShow: 'The integrity of the health information itself: this is about the record of what was done with it.',
    },
    {
      id: '164.316(b)',
      title: 'Documentation and its retention',
      asks: 'Actions, activities and assessments that have to be documented are kept in writing for six years.',
      url: url('164.316'),
      shows: ['retention', 'erasure'],
      cannotShow: 'Which of the entries are documentation that the rule requires, and copies kept elsewhere.',
    },
  ],
}
