"""Drives jobs with the service's public SDK, as its documentation says; prints what it was answered, as JSON.

Its input is JSON on standard input: api, project_id, access_key, secret_key, job_id.
"""

import json
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions import exceptions
from huaweicloudsdkdrs.v3 import (
    BatchDeleteJobReq,
    BatchDeleteJobsRequest,
    BatchListJobDetailsRequest,
    BatchListJobStatusRequest,
    BatchListProgressesRequest,
    BatchPauseJobReq,
    BatchQueryJobReqPage,
    BatchQueryProgressReq,
    BatchRestoreTaskRequest,
    BatchRetryReq,
    BatchSetPolicyRequest,
    BatchSetupSyncPolicyReq,
    BatchStopJobsRequest,
    DeleteJobReq,
    DrsClient,
    PageReq,
    PauseInfo,
    RetryInfo,
    SyncPolicyReq,
)

UNKNOWN_JOB = "19557d51-1ee6-4507-97a6-8f69164jb201"

given = json.load(sys.stdin)


def client_of(secret_key):
    return (
        DrsClient.new_builder()
        .with_credentials(BasicCredentials(given["access_key"], secret_key, given["project_id"]))
        .with_endpoint(given["api"])
        .build()
    )


def refusal_of(call):
    try:
        call()
    except exceptions.ClientRequestException as error:
        return {"status": error.status_code, "code": error.error_code, "message": error.error_msg}
    return None


drs = client_of(given["secret_key"])
job = given["job_id"]
page = BatchQueryJobReqPage(jobs=[job], page_req=PageReq(cur_page=1, per_page=5))


def status():
    return drs.batch_list_job_status(BatchListJobStatusRequest(body=page)).results[0].status


def policies(jobs, language=None):
    body = BatchSetupSyncPolicyReq(jobs=jobs)
    return drs.batch_set_policy(BatchSetPolicyRequest(x_language=language, body=body)).to_dict()


answers = {}
answers["set"] = policies(
    [
        SyncPolicyReq(
            job_id=job,
            conflict_policy="overwrite",
            filter_ddl_policy="drop_database",
            ddl_trans=False,
            index_trans=False,
            slot_name="nightly",
            topic="",
        ),
        SyncPolicyReq(job_id=UNKNOWN_JOB, conflict_policy="ignore"),
    ]
)
answers["chinese"] = policies([SyncPolicyReq(job_id=UNKNOWN_JOB)], language="zh-cn")
answers["begun"] = status()
detail = drs.batch_list_job_details(BatchListJobDetailsRequest(body=page)).results[0]
answers["detail"] = {
    name: getattr(detail, name) for name in ("id", "conflict_policy", "filter_ddl_policy", "index_trans", "task_type")
}
progress = drs.batch_list_progresses(BatchListProgressesRequest(body=BatchQueryProgressReq(jobs=[job]))).results[0]
answers["progress"] = [progress.job_id, progress.transfer_status, progress.task_mode]
pause = BatchPauseJobReq(jobs=[PauseInfo(job_id=job, pause_mode="target")])
answers["pause"] = drs.batch_stop_jobs(BatchStopJobsRequest(body=pause)).to_dict()
answers["paused"] = status()
answers["retry"] = drs.batch_restore_task(
    BatchRestoreTaskRequest(body=BatchRetryReq(jobs=[RetryInfo(job_id=job)]))
).to_dict()
answers["resumed"] = status()
answers["invalid"] = refusal_of(lambda: policies([]))
answers["forged"] = refusal_of(lambda: client_of("another").batch_list_job_status(BatchListJobStatusRequest(body=page)))
deletion = BatchDeleteJobReq(jobs=[DeleteJobReq(delete_type="force_terminate", job_id=job)])
answers["delete"] = drs.batch_delete_jobs(BatchDeleteJobsRequest(body=deletion)).to_dict()
answers["deleted"] = drs.batch_list_job_status(BatchListJobStatusRequest(body=page)).results[0].error_code
json.dump(answers, sys.stdout)
