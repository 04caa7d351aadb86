# SPDX-License-Identifier: Apache-2.0
# Redmine reads this into its configuration. /work/ID shows one of its pages to the administrator;
# each SELECT for it bears the id, in an expression that changes nothing: comments don't reach the
# span. Other statements can't bear one.
require 'rack/mock'

module Parents
  PAGES = %w[/ /projects /issues /issues/3 /projects/parents /projects/parents/issues /activity
             /my/page /users/1 /projects/parents/roadmap].freeze
  REQUEST = :parents_request

  # Every statement of ActiveRecord goes through here.
  module Mark
    def query(text, *options)
      request = Thread.current.thread_variable_get(REQUEST)
      marked = request && text.start_with?('SELECT')
      super(marked ? "WITH whose AS (SELECT 1 AS r#{request}) #{text}" : text, *options)
    end
  end

  class Pages
    def initialize(app)
      @app = app
    end

    def call(env)
      _, name, request = env['PATH_INFO'].split('/')
      if name == 'ready'
        @cookie ||= log_in(env.select { |key, _| key.start_with?('action_dispatch.') })
        return answer(200, name)
      end
      env['rack.input'].read
      answer(show(env, request), request)
    end

    private

    def show(env, request)
      Thread.current.thread_variable_set(REQUEST, request)
      page = PAGES[request.to_i % PAGES.size]
      status, _, body = @app.call(env.merge(
        'REQUEST_METHOD' => 'GET', 'PATH_INFO' => page, 'REQUEST_PATH' => page,
        'REQUEST_URI' => page, 'HTTP_COOKIE' => @cookie))
      body.each { |_| }
      body.close if body.respond_to?(:close)
      status
    ensure
      Thread.current.thread_variable_set(REQUEST, nil)
    end

    def answer(status, text)
      [status, { 'Content-Type' => 'text/plain' }, ["#{text}\n"]]
    end

    # `settings`: what Rails put into the environment before it asked us.
    def log_in(settings)
      browser = Rack::MockRequest.new(@app)
      form = browser.get('/login', settings)
      answer = browser.post('/login', **settings, 'HTTP_COOKIE' => cookie(form), params: {
        username: 'admin', password: 'admin',
        authenticity_token: form.body[/name="authenticity_token" value="([^"]+)"/, 1] })
      raise "no login: #{answer.status}" unless answer.status == 302

      cookie(answer)
    end

    def cookie(answer)
      answer['Set-Cookie'].lines.map { |line| line.split(';').first }.join('; ')
    end
  end
end

require 'mysql2'
Mysql2::Client.prepend(Parents::Mark)
config.middleware.insert_before(0, Parents::Pages)
