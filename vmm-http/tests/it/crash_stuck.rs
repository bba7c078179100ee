//! kill -9 while a stuck job is tried again or closed.

use serde_json::{Value, json};
use vmm_core::host::Hypervisor;

use crate::crash::{Lane, PATIENCE};

impl Lane {
    /// Lets a job become stuck, and kills the program while somebody tries it again or closes it.
    pub(crate) async fn crash_at_stuck(&mut self, number: usize, point: &str) {
        let name = format!("crash-{}-{number}", std::process::id());
        let closes = point.contains("close");
        // One that was being undone, and one that goes forward.
        let (fail, end) = match point {
            "stuck.retry.begun" => ("create-vm.wait-for-address,create-vm.undo-define-domain", "failed"),
            _ => ("delete-vm.delete-seed", "done"),
        };
        self.halt(point, Some(fail)).await;
        self.request(number, &name).await;
        let job = if fail.starts_with("create-vm") {
            self.until_settled(&name, "failed", point).await;
            let jobs = self.desk.get(&format!("/request-vm/{name}/jobs")).await.expect_ok();
            jobs["job"][0]["id"].as_i64().expect("a job")
        } else {
            self.until_settled(&name, "done", point).await;
            self.desk.delete(&format!("/db/vm?name={name}")).await.expect_ok()["job"].as_i64().expect("a job")
        };
        assert_eq!(self.desk.job(job, PATIENCE).await["state"], "stuck", "{point}");
        let path = format!("/job/{job}/{}", if closes { "close" } else { "retry" });
        self.kill_in(&path).await;
        // What was not recorded is asked for once more; so is a job that the program with the fault began again.
        let mut state = self.desk.job(job, PATIENCE).await["state"].clone();
        if state == "stuck" {
            self.desk.post(&path, &json!({})).await.expect_ok();
            state = self.desk.job(job, PATIENCE).await["state"].clone();
        }
        assert_eq!(state, if closes { "closed" } else { end }, "{point}");
        if closes {
            self.remove_what_is_left(job, &name, point).await;
        }
        self.assert_counts(&name, 0, point).await;
    }

    /// Makes a call that halts the program, and kills it.
    async fn kill_in(&mut self, path: &str) {
        let (body, reached) = (json!({}), self.reached());
        tokio::select! {
            _ = self.desk.post(path, &body) => panic!("the program did not halt in {path}"),
            () = async {
                while !reached.exists() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            } => {}
        }
        self.kill_and_restart().await;
    }

    /// Removes by hand what the job names, which must be all that there is.
    async fn remove_what_is_left(&self, job: i64, name: &str, point: &str) {
        let closed: Value = self.desk.get(&format!("/job/{job}")).await.expect_ok();
        let error = closed["error"].as_str().expect("what is left");
        for volume in self.hypervisor.volumes().list().await.expect("volumes") {
            if volume.name.as_str().starts_with(&format!("{name}.")) {
                assert!(error.contains(&format!("the volume {}", volume.name)), "{point}: {error}");
                self.hypervisor.volumes().delete(&volume.name).await.expect("it is removed");
            }
        }
        for reservation in self.hypervisor.network().reservations().await.expect("reservations") {
            if reservation.name.as_str() == name {
                let told = format!("the reservation of {}", reservation.address);
                assert!(error.contains(&told), "{point}: {error}");
                self.hypervisor.network().release(reservation.mac).await.expect("it is released");
            }
        }
    }
}
