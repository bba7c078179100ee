import { FileIcon } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 65,
  title: () => text('title'),
  icon: FileIcon,
  routes: { '/console/files': () => import('./index') },
});
