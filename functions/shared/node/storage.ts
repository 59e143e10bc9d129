import { DomainError } from '../errors.ts';
import type { RepositoryService } from '../repository/repository-service.ts';

/**
 * Refuse content for a repository that it could not be read from.
 *
 * @throws DomainError UPLOAD_REPOSITORY_NOT_FOUND; OPERATION_UNSUPPORTED for a repository whose blobs are in another
 * storage than the one we write to.
 */
export async function checkStorage(
  repositories: Pick<RepositoryService, 'find'>,
  { projectId, repoName }: { readonly projectId: string; readonly repoName: string },
): Promise<void> {
  const repository = await repositories.find({ projectId, repoName });
  if (repository === undefined) {
    throw new DomainError('UPLOAD_REPOSITORY_NOT_FOUND', [`${projectId}/${repoName}`]);
  }
  if ((repository.credentialsKey ?? '') !== '') {
    throw new DomainError('OPERATION_UNSUPPORTED');
  }
}
