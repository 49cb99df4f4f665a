//! TLS against a real server: what each sslmode of a URL accepts and refuses.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use stylobate::workload::bank::run;

use super::args;
use super::postgres::Postgres;

/// Whether a short run works with these parameters of the URL.
async fn works(url: String) -> Result<(), String> {
    let args = args(&url, &["--init", "--accounts", "5", "--duration", "200ms"]);
    run(args).await.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_checks_what_it_says() {
    let Some(mut postgres) = Postgres::start("tls", "") else { return };
    assert!(works(postgres.url("sslmode=require")).await.unwrap_err().contains("TLS"), "TLS is off as yet");

    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = postgres.file("root.pem", &params.self_signed(&key).unwrap().pem());
    let stranger = KeyPair::generate().unwrap();
    let stranger = postgres.file("stranger.pem", &params.self_signed(&stranger).unwrap().pem());
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["db.example".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let leaf = postgres.file("leaf.pem", &leaf.pem());
    let key = postgres.file("leaf.key", &key.serialize_pem());
    for (name, value) in [("cert", leaf), ("key", key)] {
        postgres.sql(&format!("ALTER SYSTEM SET ssl_{name}_file = '{}'", value.display()));
    }
    postgres.sql("ALTER SYSTEM SET ssl = on");
    postgres.kill();
    postgres.up();

    let (root, stranger) = (root.display(), stranger.display());
    let named = |parameters: &str| {
        postgres.url(parameters).replace("127.0.0.1", "db.example") + "&hostaddr=127.0.0.1"
    };
    works(postgres.url("sslmode=require")).await.unwrap();
    works(named(&format!("sslmode=verify-full&sslrootcert={root}"))).await.unwrap();
    works(postgres.url(&format!("sslmode=verify-ca&sslrootcert={root}"))).await.unwrap();
    let said = works(postgres.url(&format!("sslmode=verify-full&sslrootcert={root}"))).await.unwrap_err();
    assert!(said.contains("not valid for name"), "{said}");
    let said = works(postgres.url(&format!("sslmode=verify-ca&sslrootcert={stranger}"))).await.unwrap_err();
    assert!(said.contains("certificate"), "{said}");
}
