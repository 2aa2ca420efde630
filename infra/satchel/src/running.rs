//! A server that runs beside the rest until it is told to stop.

use tokio::{sync::oneshot, task::JoinHandle};

/// A server that can be told to stop and waited for.
#[derive(Debug)]
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<()>,
}

impl Running {
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(
        serve: impl FnOnce(oneshot::Receiver<()>) -> F,
    ) -> Self {
        let (stop, told) = oneshot::channel();
        Self { stop, stopped: tokio::spawn(serve(told)) }
    }

    pub(crate) async fn stop(self) {
        // Neither can fail unless the server has ended already.
        let _ = self.stop.send(());
        let _ = self.stopped.await;
    }
}
