//! Providers against the sandboxes, as Terraform runs them: in this process, without Terraform.

mod hcl;
mod provider_configuration;
mod striim;
