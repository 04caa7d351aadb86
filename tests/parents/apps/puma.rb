# SPDX-License-Identifier: Apache-2.0
bind "tcp://127.0.0.1:#{ENV.fetch('PORT')}"
rackup File.join(__dir__, 'config.ru')
environment 'production'
workers 0
threads 5, 5
raise_exception_on_sigterm false # would end it by the signal
quiet
