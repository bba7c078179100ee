//! The catalog.

use chrono::{DateTime, Utc};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{Description, JobId, LoginName, NewOs, Os, OsChange, OsFilter, OsId, OsName, OsVersion};

use crate::api::answer::{Done, Tagged};
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch;
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::if_match::IfMatch;
use crate::wire::text::TextOf;

pub(crate) struct OsApi;

/// A catalog entry to make.
#[derive(Debug, Object)]
#[oai(rename = "NewOs", deny_unknown_fields)]
struct NewOsBody {
    /// Like `debian`.
    name: TextOf<OsName>,
    /// Like `12`.
    version: TextOf<OsVersion>,
    /// The cloud image, which is imported into the pool: a qcow2 file without a backing or data file. Either its path
    /// on the server, in a directory of the setting `image_dirs`, or `file:NAME` for a file of one's own (`PUT
    /// /files/NAME`).
    #[oai(validator(max_length = 4096))]
    qcow2: Option<String>,
    /// Path of an installer image on the host.
    #[oai(validator(max_length = 4096))]
    iso: Option<String>,
    #[oai(default)]
    description: TextOf<Description>,
    /// The user that cloud-init makes in each machine.
    #[oai(default = "default_login")]
    login: TextOf<LoginName>,
}

fn default_login() -> TextOf<LoginName> {
    "vmm".to_owned().into()
}

impl TryFrom<NewOsBody> for NewOs {
    type Error = vmm_core::Error;

    fn try_from(body: NewOsBody) -> vmm_core::Result<Self> {
        let NewOsBody { name, version, qcow2, iso, description, login } = body;
        Ok(Self {
            name: batch::named("name", OsName::new(name))?,
            version: OsVersion::new(version)?,
            iso,
            qcow2,
            description: description.into(),
            login: batch::named("login", LoginName::new(login))?,
        })
    }
}

/// Catalog entries to make.
#[derive(Debug, Object)]
#[oai(rename = "NewOses", deny_unknown_fields)]
struct NewOsesBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    os: Vec<NewOsBody>,
}

/// A change of a catalog entry. Absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "OsChange", deny_unknown_fields)]
struct OsChangeBody {
    id: i64,
    description: Option<TextOf<Description>>,
    /// The user that cloud-init makes in machines that are made later.
    login: Option<TextOf<LoginName>>,
}

fn change(body: OsChangeBody) -> vmm_core::Result<(OsId, OsChange)> {
    let OsChangeBody { id, description, login } = body;
    let login = batch::named("login", login.map(LoginName::new).transpose())?;
    Ok((OsId(id), OsChange { description: description.map(String::from), login }))
}

/// Catalog entries to change.
#[derive(Debug, Object)]
#[oai(rename = "OsChanges", deny_unknown_fields)]
struct OsChangesBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    os: Vec<OsChangeBody>,
}

/// A catalog entry.
#[derive(Debug, Object)]
#[oai(rename = "Os", skip_serializing_if_is_none)]
struct OsBody {
    id: i64,
    name: String,
    version: String,
    /// The path of its installer. Shown to admins only.
    iso: Option<String>,
    /// The path or file from which the image was imported. Shown to admins only.
    qcow2: Option<String>,
    description: String,
    login: String,
    /// True if the image is imported and unchanged, so that machines can be made from it.
    ready: bool,
    /// The problem of its image in the pool: it is missing, or was changed. `POST /db/os/import` repairs it.
    problem: Option<String>,
    /// SHA-256 of the imported image.
    sha256: Option<String>,
    /// Size of the disk that a machine sees, in bytes.
    virtual_size: Option<u64>,
    /// The number of changes; in quotes, its `ETag`.
    revision: i64,
    created_at: DateTime<Utc>,
    /// The id of the job that imports the image, in the answer to the call that began it.
    job: Option<i64>,
}

impl OsBody {
    fn new(os: Os, job: Option<JobId>) -> Self {
        Self {
            id: os.id.0,
            name: os.name.to_string(),
            version: os.version.to_string(),
            iso: os.iso,
            qcow2: os.qcow2,
            description: os.description,
            login: os.login.to_string(),
            ready: os.image.is_some() && os.problem.is_none(),
            problem: os.problem,
            virtual_size: os.image.as_ref().map(|image| image.virtual_size),
            sha256: os.image.map(|image| image.sha256),
            revision: os.revision.0,
            created_at: os.created_at,
            job: job.map(|job| job.0),
        }
    }
}

/// Catalog entries.
#[derive(Debug, Object)]
#[oai(rename = "Oses", skip_serializing_if_is_none)]
struct OsesBody {
    os: Vec<OsBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "Tag::Os")]
impl OsApi {
    /// Add entries to the catalog, and import their images. Admins only.
    #[oai(path = "/db/os", method = "post", operation_id = "createOses")]
    async fn create(&self, caller: Caller, body: Body<NewOsesBody>) -> Result<Json<OsesBody>, Failure> {
        let login = caller.0;
        let entries = batch::read("os", body.0.os, NewOs::try_from)?;
        let create = |os| login.vmm.create_os(&login.actor, os);
        let created = batch::in_order("os", entries, create).await?;
        Ok(Json(OsesBody { os: created.into_iter().map(|(os, job)| OsBody::new(os, job)).collect(), next: None }))
    }

    /// List the catalog in order of name and version.
    #[oai(path = "/db/os", method = "get", operation_id = "listOses")]
    async fn list(
        &self,
        caller: Caller,
        /// Only those of this name.
        name: Query<Option<String>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<OsesBody>, Failure> {
        let login = caller.0;
        let filter = OsFilter {
            name: batch::named("name", name.0.map(OsName::new).transpose())?,
            after: cursor::read("os", after.0, |key| {
                let (name, version) = key.split_once(':')?;
                Some((name.parse().ok()?, version.parse().ok()?))
            })?,
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.oses(&login.actor, &filter).await?;
        let next = page.next.as_ref().map(|(name, version)| cursor::write("os", format_args!("{name}:{version}")));
        Ok(Json(OsesBody { os: page.into_iter().map(|os| OsBody::new(os, None)).collect(), next }))
    }

    /// Get a catalog entry.
    #[oai(path = "/db/os/:id", method = "get", operation_id = "getOs")]
    async fn get(&self, caller: Caller, id: Path<i64>) -> Result<Tagged<OsBody>, Failure> {
        let login = caller.0;
        let os = login.vmm.os(&login.actor, OsId(id.0)).await?;
        let revision = os.revision;
        Ok(Tagged::new(OsBody::new(os, None), revision))
    }

    /// Change catalog entries; absent fields stay as they are. Existing machines do not change. Admins only.
    #[oai(path = "/db/os", method = "put", operation_id = "updateOses")]
    async fn update(
        &self,
        caller: Caller,
        /// The `ETag` of the record as it was read. If the record has changed since, the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: Body<OsChangesBody>,
    ) -> Result<Json<OsesBody>, Failure> {
        let login = &caller.0;
        let expect = if_match.of_batch(body.0.os.len())?;
        let changes = batch::read("os", body.0.os, change)?;
        let oses = batch::in_order("os", changes, |(id, change)| async move {
            login.vmm.update_os(&login.actor, id, change, expect).await
        });
        Ok(Json(OsesBody { os: oses.await?.into_iter().map(|os| OsBody::new(os, None)).collect(), next: None }))
    }

    /// Import the image of a catalog entry again. Admins only.
    ///
    /// Repairs an image that is missing from the pool, was changed there, or whose import failed.
    #[oai(path = "/db/os/import", method = "post", operation_id = "importOs")]
    async fn import(&self, caller: Caller, id: Query<i64>) -> Result<Json<OsBody>, Failure> {
        let login = caller.0;
        let (os, job) = login.vmm.import_os(&login.actor, OsId(id.0)).await?;
        Ok(Json(OsBody::new(os, Some(job))))
    }

    /// Delete a catalog entry that no machine is made from. Admins only.
    #[oai(path = "/db/os", method = "delete", operation_id = "deleteOs")]
    async fn delete(
        &self,
        caller: Caller,
        id: Query<i64>,
        /// The `ETag` of the record as it was read. If the record has changed since, the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.delete_os(&login.actor, OsId(id.0), if_match.0).await?;
        Ok(Done::Done)
    }
}
