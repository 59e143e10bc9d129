"""Writes artifacts into a source cluster the way bk-repo does, from outside the project.

Knows nothing but .local/endpoints.json (first argument) and bk-repo's own shapes. The second argument is the project's
name, the third the number of files. Prints one line of JSON: the files by path with their SHA-256.
"""

import datetime
import hashlib
import json
import sys

import boto3
from bson import Int64
from pymongo import MongoClient


def java_hash(text: str) -> int:
    value = 0
    for unit in text:
        value = (31 * value + ord(unit)) & 0xFFFFFFFF
    return value


def main(endpoints_file: str, project: str, count: int) -> None:
    with open(endpoints_file, encoding="utf-8") as file:
        source = json.load(file)["stages"]["source"]
    aws = source["aws"]
    s3 = boto3.client(
        "s3",
        endpoint_url=aws["endpoint"],
        region_name=aws["region"],
        aws_access_key_id=aws["accessKeyId"],
        aws_secret_access_key=aws["secretAccessKey"],
    )
    database = MongoClient(source["mongoUri"])[source["mongoDatabase"]]
    log = database[source["operateLogCollection"]]
    nodes = database[f"node_{java_hash(project) & 255}"]

    def audit() -> dict:
        now = datetime.datetime.now(datetime.timezone.utc)
        return {"createdBy": "py", "createdDate": now, "lastModifiedBy": "py", "lastModifiedDate": now}

    def entry(resource: str, key: str, operation: str, description: dict) -> None:
        log.insert_one(
            {
                "createdDate": datetime.datetime.now(datetime.timezone.utc),
                "resourceType": resource,
                "resourceKey": key,
                "operateType": operation,
                "userId": "py",
                "clientAddress": "127.0.0.1",
                "description": description,
            }
        )

    database["project"].insert_one({**audit(), "name": project, "displayName": project, "description": "蛇"})
    entry(
        "PROJECT",
        project,
        "CREATE",
        {"request": {"name": project, "displayName": project, "description": "蛇", "operator": "py"}},
    )
    database["repository"].insert_one(
        {
            **audit(),
            "name": "wheels",
            "type": "PYPI",
            "category": "LOCAL",
            "public": False,
            "configuration": json.dumps({"type": "rpm-local", "webHook": {"webHookList": []}, "settings": {}}),
            "display": True,
            "projectId": project,
        }
    )
    entry(
        "REPOSITORY",
        f"/{project}/wheels",
        "CREATE",
        {
            "request": {
                "projectId": project,
                "name": "wheels",
                "type": "PYPI",
                "category": "LOCAL",
                "public": False,
                "operator": "py",
            }
        },
    )
    written = {}
    for number in range(count):
        content = f"content {number} of {project} — 内容".encode()
        sha256 = hashlib.sha256(content).hexdigest()
        md5 = hashlib.md5(content).hexdigest()
        full_path = f"/wheel {number} 轮.whl"
        s3.put_object(Bucket=source["blobBucket"], Key=sha256, Body=content)
        nodes.insert_one(
            {
                **audit(),
                "folder": False,
                "path": "/",
                "name": full_path[1:],
                "fullPath": full_path,
                "size": Int64(len(content)),
                "sha256": sha256,
                "md5": md5,
                "metadata": [{"key": "n", "value": str(number)}],
                "projectId": project,
                "repoName": "wheels",
            }
        )
        request = {
            "projectId": project,
            "repoName": "wheels",
            "fullPath": full_path,
            "folder": False,
            "expires": 0,
            "overwrite": False,
            "size": len(content),
            "sha256": sha256,
            "md5": md5,
            "metadata": {"n": str(number)},
            "operator": "py",
            "createdBy": None,
            "createdDate": None,
            "lastModifiedBy": None,
            "lastModifiedDate": None,
        }
        text = json.dumps(request, indent=2, separators=(",", " : "), ensure_ascii=False)
        description = {"projectId": project, "repoName": "wheels", "request": text}
        entry("NODE", f"/{project}/wheels{full_path}", "CREATE", description)
        written[full_path] = sha256
    print(json.dumps(written))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
