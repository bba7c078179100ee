import { ScriptIcon } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 40,
  title: () => text('title'),
  icon: ScriptIcon,
  routes: {
    '/console/scripts': () => import('./index'),
    '/console/scripts/:name': () => import('./script'),
  },
});
